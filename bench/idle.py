#!/usr/bin/env python3
"""Memory of idle client connections: ./dev bench idle.

Opens 10,000 keep-alive connections through the gateway, sends one request on each, leaves them idle
and divides the growth of the process's resident memory by their number. Most of a fresh process is
paid for once, so a first tenth of the connections comes before the measurement and is not counted.
"""
import argparse
import json
import pathlib
import resource
import socket
import sys
import time

from kit import backends, measure, peers
from kit.scenario import BODY

PER_ADDRESS = 20_000  # connections from one 127.0.0.x, well below the ephemeral ports
REQUEST = b"GET /idle HTTP/1.1\r\nHost: bench\r\n\r\n"
BATCH = 200


def raise_file_limit(wanted):
    """Lets this process and those it starts have `wanted` open files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= wanted:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(hard, wanted)))
    except (ValueError, PermissionError):
        raise RuntimeError(f"{wanted} open files are needed and {hard} allowed; run as root or raise 'ulimit -n'") from None


def open_one(port, number):
    connection = socket.socket()
    connection.settimeout(20)
    connection.bind((f"127.0.0.{1 + number // PER_ADDRESS}", 0))
    connection.connect(("127.0.0.1", port))
    connection.sendall(REQUEST)
    return connection


def read_answer(connection):
    """Reads head and the 64 bytes of the body to their end, so that the connection is really idle."""
    received = b""
    while b"\r\n\r\n" not in received or len(received.split(b"\r\n\r\n", 1)[1]) < BODY:
        chunk = connection.recv(4096)
        if not chunk:
            raise RuntimeError(f"the gateway closed a connection after {received[:80]!r}")
        received += chunk
    if not received.startswith(b"HTTP/1.1 200 "):
        raise RuntimeError(f"the gateway answered {received[:80]!r}")


def open_many(port, first, count):
    connections = []
    for start in range(first, first + count, BATCH):
        batch = [open_one(port, number) for number in range(start, min(start + BATCH, first + count))]
        for connection in batch:
            read_answer(connection)
        connections += batch
    return connections


def settled_rss(pid):
    time.sleep(1.0)
    return measure.rss_bytes(pid)


def still_open(connections):
    """How many the gateway has not closed meanwhile."""
    alive = 0
    for connection in connections:
        connection.setblocking(False)
        try:
            alive += connection.recv(1) != b""
        except BlockingIOError:
            alive += 1
        except OSError:
            pass
    return alive


def run():
    parser = argparse.ArgumentParser(prog="./dev bench idle", description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--bin-dir", type=pathlib.Path, default=pathlib.Path("build/release/bin"))
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    binary = options.bin_dir.resolve() / "trunkline"
    if not binary.exists():
        raise RuntimeError(f"{binary.name} is not built; run ./dev build")
    raise_file_limit(options.connections + 1000)
    folder = measure.workdir()
    backend = backends.start_nginx(folder)
    process, port = peers.start_ready_trunkline(binary, folder, backend)

    fresh = measure.rss_bytes(process.pid)
    first = open_many(port, 0, options.connections // 10)
    before = settled_rss(process.pid)
    rest = open_many(port, len(first), options.connections - len(first))
    after = settled_rss(process.pid)
    open_now = still_open([*first, *rest])
    figures = {"connections": options.connections, "still_open": open_now, "rss_fresh": fresh, "rss_with_all": after,
               "bytes_per_connection": (after - before) / len(rest)}
    if options.json:
        print(json.dumps(figures, indent=2))
    else:
        print(f"{options.connections} idle connections ({open_now} still open): {figures['bytes_per_connection']:.0f} bytes each; "
              f"resident {fresh / 2**20:.1f} MB fresh, {after / 2**20:.1f} MB with all")
    if open_now != options.connections:
        print("bench: the gateway closed connections, so the figure is not what it says", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    measure.main(run)
