#!/usr/bin/env python3
"""CPU per proxied request, side by side: ./dev bench proxy.

One nginx backend answers 64 bytes (--body); nginx, HAProxy, a raw byte relay (the floor) and Trunkline stand in
front of it in turn, each with one thread. wrk keeps 64 connections busy. Rounds are interleaved
(A B C D A B C D ...), so that whatever else the machine does hits all rows alike; the median counts.
CPU is the proxy's own, all its threads and workers, divided by the requests that were answered.
"""
import argparse
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import time

import measure

CONNECTIONS = 64
WARM_UP_SECONDS = 1


class Row:
    """One proxy: its process and what each round measured."""

    def __init__(self, name, process=None, port=None, absent=None):
        self.name, self.process, self.port, self.absent = name, process, port, absent
        self.rounds = []
        self.rss_at_start = measure.rss_bytes(process.pid) if process else None

    def summary(self):
        values = {key: statistics.median(r[key] for r in self.rounds) for key in self.rounds[0]}
        totals = [r["cpu_us"] for r in self.rounds]
        values |= {"cpu_us_min": min(totals), "cpu_us_max": max(totals), "rounds": len(totals),
                   "errors": sum(r["errors"] for r in self.rounds), "rss_at_start": self.rss_at_start,
                   "rss_after": sum(measure.rss_bytes(pid) for pid in measure.tree(self.process.pid))}
        return values


def start_nginx(folder, backend, cpu):
    port = measure.free_port()
    config = folder / "proxy.conf"
    config.write_text(f"""
daemon off; master_process off; pid {folder}/proxy.pid; error_log {folder}/proxy.log;
worker_processes 1;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 1000000000; keepalive_timeout 300s;
  client_body_temp_path {folder}/p1; proxy_temp_path {folder}/p2; fastcgi_temp_path {folder}/p3;
  uwsgi_temp_path {folder}/p4; scgi_temp_path {folder}/p5;
  upstream backend {{ server 127.0.0.1:{backend}; keepalive 64; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=1024;
    location / {{ proxy_pass http://backend; proxy_http_version 1.1; proxy_set_header Connection ""; }}
  }}
}}
""")
    log = folder / "proxy.log"
    return measure.start([measure.find("nginx"), "-e", log, "-c", config, "-p", folder], log, cpu), port, log


def start_haproxy(folder, backend, cpu):
    port = measure.free_port()
    config = folder / "haproxy.cfg"
    config.write_text(f"""
global
  nbthread 1
  maxconn 4096
defaults
  mode http
  http-reuse always
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend front
  bind 127.0.0.1:{port}
  default_backend back
backend back
  server one 127.0.0.1:{backend}
""")
    log = folder / "haproxy.log"
    return measure.start([measure.find("haproxy"), "-db", "-f", config], log, cpu), port, log


def start_relay(binary, folder, backend, cpu):
    port = measure.free_port()
    log = folder / "relay.log"
    return measure.start([binary, port, backend], log, cpu), port, log


def make_rows(options, folder, backend, cpu):
    """The rows of the table; what is not there becomes a row that says so."""
    rows = []

    def add(name, present, missing, starter):
        if options.only and name not in options.only:
            return
        if not present:
            rows.append(Row(name, absent=missing))
            return
        process, port, log = starter()
        measure.wait_ready(port, process, log)
        rows.append(Row(name, process, port))

    relay = options.bin_dir / "bench_relay"
    trunkline = options.bin_dir / "trunkline"
    add("nginx", measure.find("nginx"), "not installed", lambda: start_nginx(folder, backend, cpu))
    add("haproxy", measure.find("haproxy"), "not installed", lambda: start_haproxy(folder, backend, cpu))
    add("relay", relay.exists(), "not built", lambda: start_relay(relay, folder, backend, cpu))
    for name, where, accelerate in (("trunkline", backend, ""), ("unix", f"unix:{folder}/backend.sock", ""),
                                    *((f"joined-{side}", backend, side) for side in ("service", "client", "both"))):
        asked = {"unix": options.unix}.get(name, options.accelerate if accelerate else True)
        if (name not in options.only) if options.only else not asked:
            continue
        try:
            if not trunkline.exists():
                raise RuntimeError("not built")
            process, port = measure.start_trunkline(trunkline, folder, where, cpu, accelerate)
            rows.append(Row(name, process, port))
        except RuntimeError as error:
            # The other rows are worth having all the same.
            rows.append(Row(name, absent=str(error).rstrip()))
    return rows


def wrk(port, seconds, cpu):
    """(requests, seconds, p50 us, p99 us, errors) of one run of the load."""
    command = [measure.find("wrk"), "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", f"http://127.0.0.1:{port}/"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False,
                           preexec_fn=None if cpu is None else lambda: os.sched_setaffinity(0, {cpu}))
    text = ended.stdout
    done = re.search(r"(\d+) requests in ([\d.]+)(ms|s|m)", text)
    if ended.returncode != 0 or not done:
        raise RuntimeError(f"wrk failed: {ended.stderr or text}")
    errors = sum(int(n) for n in re.findall(r"(?:connect|read|write|timeout|Non-2xx or 3xx responses:) (\d+)", text))
    units = {"us": 1, "ms": 1000, "s": 1_000_000, "m": 60_000_000}

    def latency(share):
        found = re.search(rf"{share}%\s+([\d.]+)(us|ms|s|m)", text)
        return float(found[1]) * units[found[2]]

    return int(done[1]), float(done[2]) * units[done[3]] / 1e6, latency(50), latency(99), errors


def measure_round(row, seconds, load_cpu):
    before = measure.cpu_seconds(row.process.pid)
    requests, took, p50, p99, errors = wrk(row.port, seconds, load_cpu)
    after = measure.cpu_seconds(row.process.pid)
    total, user, system = ((b - a) * 1e6 / max(1, requests) for a, b in zip(before, after))
    # Ticks tell how the time divides, the scheduler's nanoseconds how much it is.
    share = user / (user + system) if user + system else 0.0
    row.rounds.append({"cpu_us": total, "user_us": total * share, "system_us": total * (1 - share),
                       "requests_per_s": requests / took, "p50_us": p50, "p99_us": p99, "errors": errors})


def print_table(rows):
    reference = next((r.summary()["cpu_us"] for r in rows if r.name == "nginx" and not r.absent), None)
    print(f"\n{'':<14} {'CPU us/req':>10} {'user':>6} {'system':>7} {'of nginx':>9} {'spread':>13} "
          f"{'req/s':>8} {'p50 us':>7} {'p99 us':>7} {'RSS':>8}")
    for row in rows:
        if row.absent:
            print(f"{row.name:<14} {row.absent}")
            continue
        s = row.summary()
        ratio = f"{s['cpu_us'] / reference:9.2f}" if reference else f"{'-':>9}"
        spread = f"{s['cpu_us_min']:.2f}-{s['cpu_us_max']:.2f}"
        print(f"{row.name:<14} {s['cpu_us']:10.2f} {s['user_us']:6.2f} {s['system_us']:7.2f} {ratio} {spread:>13} "
              f"{s['requests_per_s']:8.0f} {s['p50_us']:7.0f} {s['p99_us']:7.0f} {s['rss_after'] / 2**20:5.1f} MB"
              + (f"  {s['errors']:.0f} ERRORS" if s["errors"] else ""))
    for row in rows:
        if row.name == "trunkline" and not row.absent:
            print(f"\ntrunkline's resident memory: {row.rss_at_start / 2**20:.1f} MB after start, "
                  f"{row.summary()['rss_after'] / 2**20:.1f} MB after the load")


def parse():
    parser = argparse.ArgumentParser(prog="./dev bench proxy", description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--bin-dir", type=pathlib.Path, default=pathlib.Path("build/release/bin"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4, help="of load for each row in each round")
    parser.add_argument("--only", action="append", choices=["nginx", "haproxy", "relay", "trunkline", "unix", "joined-service", "joined-client",
                                                           "joined-both"],
                        help="measure this row only (repeat for more)")
    parser.add_argument("--unix", action="store_true", help="add a row of Trunkline with the service on a Unix socket")
    parser.add_argument("--accelerate", action="store_true",
                        help="add rows of Trunkline with one side or both joined in the kernel")
    parser.add_argument("--body", type=int, default=len(measure.BODY), help="bytes of an answer")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON instead of the table")
    options = parser.parse_args()
    options.bin_dir = options.bin_dir.resolve()
    return options


def run():
    options = parse()
    say = (lambda *_: None) if options.json else print
    cpus = sorted(os.sched_getaffinity(0))
    load_cpu, proxy_cpu = (cpus[0], cpus[-1]) if len(cpus) > 1 else (None, None)
    say(f"load and backend on CPU {load_cpu}, proxy on CPU {proxy_cpu}" if len(cpus) > 1 else
        "one CPU only: load, backend and proxy share it")
    for program in ("nginx", "wrk"):
        if not measure.find(program):
            raise RuntimeError(f"{program} is not installed; ./dev bench installs it")
    folder = measure.workdir()
    backend = measure.start_nginx_backend(folder, load_cpu, options.body)
    rows = make_rows(options, folder, backend, proxy_cpu)
    present = [row for row in rows if not row.absent]
    say(f"{CONNECTIONS} connections, {options.body}-byte answers; {options.rounds} rounds of {options.seconds} s for each of: "
        + ", ".join(row.name for row in present))
    for row in present:
        wrk(row.port, WARM_UP_SECONDS, load_cpu)
    for number in range(options.rounds):
        for row in present:
            measure_round(row, options.seconds, load_cpu)
            time.sleep(0.1)
        say(f"  round {number + 1}: " + ", ".join(f"{r.name} {r.rounds[-1]['cpu_us']:.2f}" for r in present), flush=True)
    if options.json:
        print(json.dumps({r.name: {"absent": r.absent} if r.absent else r.summary() for r in rows}, indent=2))
    else:
        print_table(rows)
    return 1 if any(r["errors"] for row in present for r in row.rounds) else 0


if __name__ == "__main__":
    measure.main(run)
