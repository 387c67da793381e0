# serial
# deadline: 420
"""Connections joined in the kernel carry the same bytes as TCP does: the same work with and without, digests equal.
TRUNKLINE_ACCELERATION_FULL=1 takes the figures of the promise: 2,000 connections, 100 MB each way."""
import concurrent.futures
import contextlib
import hashlib
import os
import random
import shutil
import signal
import socket
import struct
import time
import unittest
from unittest import mock

from kit import system, websocket
from kit.load import Load

FULL = os.environ.get("TRUNKLINE_ACCELERATION_FULL") == "1"
CONNECTIONS = 2000 if FULL else 300
LARGE = (100 if FULL else 20) << 20
TIMEOUT = 60.0


def manifest(accelerate):
    word = str(accelerate).lower()
    return system.manifest(system.service(accelerate=accelerate),
                           system.service("front", replicas=1, calls=["echo"], accelerate=accelerate),
                           routes=("{ path: /front/*, to: front, rewrite: /* }", "{ path: /*, to: echo }"),
                           gateway=f"  accelerate: {word}\n  limits: {{ body: 256MB }}")


class Connection:
    """A client by hand: what it writes and how it ends is the test's to say."""

    def __init__(self, port):
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT)
        self.stream = self.sock.makefile("rb")

    def ask(self, method, target, body=b"", extra=""):
        head = f"{method} {target} HTTP/1.1\r\nHost: kit\r\n{extra}"
        if body or method == "POST":
            head += f"Content-Length: {len(body)}\r\n"
        self.sock.sendall(head.encode() + b"\r\n" + body)

    def head(self):
        status = int(self.stream.readline().split()[1])
        length, chunked = 0, False
        while (line := self.stream.readline().strip().lower()):
            name, _, value = line.partition(b":")
            if name == b"content-length":
                length = int(value)
            chunked |= name == b"transfer-encoding"
        return status, length, chunked

    def answer(self, pause=None):
        """(status, digest of the body); `pause` is called between its pieces."""
        status, length, chunked = self.head()
        digest = hashlib.sha256()
        while chunked:
            piece = self.stream.read(int(self.stream.readline(), 16))
            self.stream.readline()
            digest.update(piece)
            if not piece:
                break
        while length > 0:
            piece = self.stream.read(min(length, 20_000))
            if not piece:
                raise EOFError("the answer ended early")
            digest.update(piece)
            length -= len(piece)
            if pause:
                pause()
        return status, digest.hexdigest()

    def arrived(self, body):
        """(status, whether the service has seen just this body): the answer to a POST of it."""
        status, length, _ = self.head()
        return status, hashlib.sha256(body).hexdigest() in self.stream.read(length).decode()

    def close(self, reset=False):
        if reset:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.stream.close()
        self.sock.close()


def one_connection(port, seed):
    """What one client does and what it is told; the seed decides. The same without acceleration, or a byte is wrong."""
    dice = random.Random(seed)
    kind = dice.choice(["get", "post", "pipeline", "half-close", "reset", "slow-reader", "slow-writer", "chunked"])
    peer, told = Connection(port), [kind]
    big = f"/big?bytes={dice.choice([1, 1000, 16384, 65536, 300_000, 900_000]) + dice.randrange(100)}"
    try:
        if kind == "get":
            for _ in range(dice.randrange(1, 5)):
                peer.ask("GET", big)
                told.append(peer.answer())
        elif kind == "post":
            for _ in range(3):
                body = dice.randbytes(dice.randrange(1, 200_000))
                peer.ask("POST", "/front/body", body)
                told.append(peer.arrived(body))
        elif kind == "pipeline":
            count = dice.randrange(2, 8)
            for _ in range(count):
                peer.ask("GET", big)
            told += [peer.answer() for _ in range(count)]
        elif kind == "half-close":
            peer.ask("GET", big)
            peer.sock.shutdown(socket.SHUT_WR)
            told += [peer.answer(), peer.stream.read()]
        elif kind == "reset":
            peer.ask("GET", "/big?bytes=3000000")
            told.append(peer.stream.read(dice.randrange(1, 5000))[:15])
            peer.close(reset=True)
        elif kind == "slow-reader":
            peer.ask("GET", "/big?bytes=3000000")
            told.append(peer.answer(lambda: time.sleep(dice.random() / 500)))
        elif kind == "slow-writer":
            body = dice.randbytes(60_000)
            peer.sock.sendall(f"POST /body HTTP/1.1\r\nHost: kit\r\nContent-Length: {len(body)}\r\n\r\n".encode())
            for start in range(0, len(body), 6000):
                peer.sock.sendall(body[start:start + 6000])
                time.sleep(dice.random() / 200)
            told.append(peer.arrived(body))
        else:
            peer.ask("GET", f"/stream?pieces=20&seconds=0.05&n={seed}")
            told.append(peer.answer())
    finally:
        peer.close()
    return told


def many_connections(port):
    with concurrent.futures.ThreadPoolExecutor(24) as pool:
        return list(pool.map(lambda seed: one_connection(port, seed), range(CONNECTIONS)))


def large_bodies(port):
    body = random.Random(1).randbytes(1 << 20) * (LARGE >> 20)
    peer = Connection(port)
    try:
        peer.ask("POST", "/body", body)
        arrived = peer.arrived(body)
        peer.ask("GET", f"/big?bytes={LARGE}")
        return arrived, peer.answer()
    finally:
        peer.close()


def web_sockets(port):
    peers = [websocket.WebSocket(port) for _ in range(50)]
    told = [[peer.ask("x" * (i * 37 % 5000 + 1)) for i in range(20)] for peer in peers]
    for peer in peers:
        peer.abort()
    return told


def counts(words):
    """(joined, by TCP) of what status says."""
    numbers = [int(word) for word in words.replace(",", "").split() if word.isdigit()]
    return numbers[0], numbers[1]


@contextlib.contextmanager
def running(accelerate=True):
    with system.System(manifest(accelerate)).start() as kit:
        yield kit


class Acceleration(unittest.TestCase):
    def needs_kernel(self, kit):
        words = kit.cli("status")["acceleration"]
        if words.startswith("not joined"):
            self.skipTest(f"connections cannot be joined here: {words}")
        return words

    def both(self, work):
        """What the work tells, accelerated; asserts that it is what TCP tells."""
        with running() as kit:
            self.needs_kernel(kit)
            joined = work(kit.port)
            clients = counts(kit.cli("status")["acceleration"])
            services = {name: counts(shown["acceleration"]) for name, shown in kit.services().items()}
            print(f"clients {clients}, services {services}")
            self.assertGreater(clients[0], 0)
            self.assertGreater(services["echo"][0], 0)
            kit.stop()
        with running(False) as kit:
            self.assertEqual(kit.cli("status")["acceleration"], "")
            plain = work(kit.port)
        self.assertEqual(len(joined), len(plain))
        for one, other in zip(joined, plain):
            self.assertEqual(one, other)
        return joined

    def test_many_connections_tell_the_same_with_and_without(self):
        told = self.both(many_connections)
        self.assertEqual({entry[0] for entry in told},
                         {"get", "post", "pipeline", "half-close", "reset", "slow-reader", "slow-writer", "chunked"})

    def test_large_bodies_arrive_whole_both_ways(self):
        self.assertEqual(self.both(large_bodies)[0], (200, True))

    def test_web_sockets_say_the_same(self):
        self.both(web_sockets)

    def test_calls_between_services_are_joined(self):
        with running() as kit:
            self.needs_kernel(kit)
            before = counts(kit.services()["front"]["acceleration"])[0]
            status, body, _ = kit.get("/front/call?url=http://echo/echo")
            self.assertEqual(status, 200)
            self.assertIn(b"instance", body)
            # One for the request to it, one for its call.
            self.assertGreaterEqual(counts(kit.services()["front"]["acceleration"])[0], before + 1)
            metrics = kit.cli("status")["acceleration"]
            self.assertTrue(metrics.startswith("joined: "), metrics)

    def test_a_killed_service_costs_no_request(self):
        with running() as kit:
            self.needs_kernel(kit)
            with Load(kit.port) as load:
                load.getters(6)
                for _ in range(3):
                    time.sleep(0.3)
                    kit.wait_ready()
                    os.kill(system.service_pid(kit.instances("echo")[0]), signal.SIGKILL)
                kit.wait_ready()
            report = load.report()
            self.assertEqual(report.failures, [], report)

    def test_an_upgrade_goes_on_with_what_is_joined(self):
        with running() as kit:
            self.needs_kernel(kit)
            peers = [websocket.WebSocket(kit.port) for _ in range(30)]
            with Load(kit.port) as load:
                load.getters(4).posters(2).streamers(2)
                time.sleep(0.3)
                code, out, err = kit.run("upgrade")
                self.assertEqual(code, 0, out + err + kit.said())
                for peer in peers:
                    self.assertEqual(peer.ask("are you there"), "are you there")
                time.sleep(0.5)
            report = load.report()
            self.assertEqual((report.failures, report.apart), ([], []), report)
            for peer in peers:
                peer.abort()
            before = counts(self.needs_kernel(kit))[0]
            self.assertEqual(kit.get("/echo")[0], 200)
            self.assertEqual(counts(self.needs_kernel(kit))[0], before + 1, "the next program joins on")
            kit.stop()

    def test_turned_on_and_off_by_an_apply(self):
        with running(False) as kit:
            code, out = kit.apply(manifest(True))
            self.assertEqual(code, 0, out)
            self.needs_kernel(kit)
            self.assertEqual(kit.get("/echo")[0], 200)
            self.assertGreater(counts(kit.cli("status")["acceleration"])[0], 0)
            code, out = kit.apply(manifest(False))
            self.assertEqual(code, 0, out)
            self.assertEqual(kit.get("/echo")[0], 200)
            self.assertEqual(kit.cli("status")["acceleration"], "")
            kit.stop()

    def test_without_rights_all_goes_by_tcp_and_status_says_so(self):
        if os.geteuid() != 0 or not shutil.which("setpriv"):
            self.skipTest("dropping rights takes root and setpriv")
        with system.System(manifest(True)) as kit:
            wrapper = kit.folder / "without-rights"
            drop = "-bpf,-sys_admin,-perfmon,-net_admin"
            wrapper.write_text(f'#!/bin/sh\nexec setpriv --bounding-set={drop} --inh-caps={drop} {system.BIN} "$@"\n')
            wrapper.chmod(0o755)
            with mock.patch.object(system, "BIN", str(wrapper)):
                kit.start()
                self.assertEqual(kit.get("/echo")[0], 200)
                words = kit.cli("status")["acceleration"]
                self.assertTrue(words.startswith("not joined: "), words)
                self.assertEqual(kit.services()["echo"]["acceleration"], words)
                self.assertIn(words, kit.run("status")[1])
                kit.stop()

    def test_nothing_is_left_after_kill(self):
        with running() as kit:
            self.needs_kernel(kit)
            peer = Connection(kit.port)
            peer.ask("GET", "/echo")
            self.assertEqual(peer.answer()[0], 200)
            kit.send(signal.SIGKILL)
            self.assertEqual(peer.stream.read(), b"")
            peer.close()
            kit.check_nothing_left(seconds=10)


if __name__ == "__main__":
    unittest.main()
