# serial
# deadline: 600
"""Clients that attack, slowly or by floods, while a normal one goes on: its p99 stays within twice the quiet one.

Slow heads, bodies, readers and ranges are slowhttptest's, as they are used against servers; the frames of HTTP/2 are ours
(tests/conformance/h2_attacks.py). All limits are the defaults. Quiet and attacked stretches alternate, and the medians of
their p99s are compared, so that what else the machine does falls on both. Attackers are other processes, nice, because
they would be other machines. FLOOD_ROUNDS=9 for figures to write down.
"""
import contextlib
import os
import pathlib
import shlex
import signal
import shutil
import socket
import statistics
import subprocess
import sys
import time
import unittest

from kit import processes, system
from kit.stalls import Stalls

TESTS = pathlib.Path(__file__).resolve().parents[1]
ROUNDS = int(os.environ.get("FLOOD_ROUNDS", "5"))
STRETCH = 1.5        # seconds in which a p99 is taken
PACE = 0.004         # seconds between two requests of the normal client
# What an answer may take whatever the quiet p99 is: less is the noise of a machine that has other work too.
FLOOR = 0.030 if not system.SANITIZED else 0.3
SLOW_CLIENTS = 400
FLOODERS = 4


def normal_client(port, seconds):
    """One request after the other on a connection: seconds that each took. An answer that is none fails the test."""
    took, end = [], time.monotonic() + seconds
    with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while (began := time.monotonic()) < end:
            sock.sendall(b"GET /normal HTTP/1.1\r\nHost: shop\r\n\r\n")
            answer = b""
            while b"}" not in answer:  # the end of the backend's JSON
                piece = sock.recv(65536)
                assert piece, f"the connection ended after {answer!r}"
                answer += piece
            assert answer.startswith(b"HTTP/1.1 200 "), answer
            took.append(time.monotonic() - began)
            time.sleep(PACE)
    return took


def p99(took):
    return sorted(took)[int(len(took) * 0.99)]


class Floods(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # The large answers come from a service of their own, which gives way to all others: what they cost it is not the
        # gateway's doing.
        services = [f'    {name}:\n      address: "127.0.0.1:{cls.start_backend(nice)}"'
                    for name, nice in (("shop", ()), ("files", ("nice", "-n", "19")))]
        routes = ("{ path: /*, to: shop }", "{ path: /bytes/*, to: files }")
        cls.system = system.System(system.manifest(*services, routes=routes, gateway="  threads: 2"))
        cls.addClassCleanup(cls.system.close)
        cls.system.start(ready=False)
        processes.wait_until(lambda: processes.accepts(cls.system.port), 20, cls.system.said)
        processes.wait_until(lambda: cls.system.get("/x")[0] == 200, 20, cls.system.said)
        normal_client(cls.system.port, 0.5)

    @classmethod
    def start_backend(cls, nice=()):
        port = processes.free_port()
        backend = subprocess.Popen([*nice, system.PYTHON, str(TESTS / "kit/backend.py"), str(port)])
        cls.addClassCleanup(backend.wait)
        cls.addClassCleanup(backend.kill)
        processes.wait_until(lambda: processes.accepts(port), 20, "a backend")
        return port

    def open_files(self):
        return processes.open_files(self.system.process.pid)

    @contextlib.contextmanager
    def attackers(self, command, under_way):
        """They run inside of the block, from when `under_way()` says that they are felt."""
        with open(os.devnull, "wb") as nowhere:
            process = subprocess.Popen(["nice", "-n", "10", *command], stdout=nowhere, stderr=subprocess.STDOUT,
                                       start_new_session=True)
        try:
            processes.wait_until(under_way, 60, f"{command[0]} to be under way")
            self.assertIsNone(process.poll(), "the attack was over before anything was measured")
            yield
            self.assertIsNone(process.poll(), "the attack was over too soon")
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def compare(self, name, command, under_way):
        quiet, attacked, stalled = [], [], []
        for _ in range(ROUNDS):
            quiet.append(p99(normal_client(self.system.port, STRETCH)))
            # The connections of the last round have ended.
            processes.wait_until(lambda: self.open_files() < SLOW_CLIENTS / 2, 20, "connections to end")
            before = under_way()
            with self.attackers(command, lambda: under_way() >= before + self.felt), Stalls() as stalls:
                attacked.append(p99(normal_client(self.system.port, STRETCH)))
            stalled.append(stalls.worst)
        # What the machine kept waiting that had nothing to do with the gateway is no work of the attack.
        freed = [max(0.0, took - stall) for took, stall in zip(attacked, stalled)]
        calm, besieged = statistics.median(quiet), statistics.median(freed)
        rss = processes.rss(self.system.process.pid) >> 20
        print(f"{name}: p99 {calm * 1e3:.1f} ms quiet, {besieged * 1e3:.1f} ms attacked, {rss} MB; "
              f"the machine's own stalls: {max(stalled) * 1e3:.0f} ms at worst", file=sys.stderr)
        self.assertLess(besieged, max(2 * calm, FLOOR), f"quiet {quiet}, attacked {attacked}, of which the machine {stalled}")

    # ---- slow clients

    def slow(self, mode, *options, path="/x", under_way=None, felt=SLOW_CLIENTS // 2, again=False):
        if not shutil.which("slowhttptest"):
            self.skipTest("slowhttptest is not installed")
        self.felt = felt
        command = ["slowhttptest", mode, "-c", str(SLOW_CLIENTS), "-r", "400", "-i", "1", "-l", "120", "-p", "5", *options,
                   "-u", f"http://127.0.0.1:{self.system.port}{path}"]
        if again:  # answered, it is over at once
            command = ["sh", "-c", f"while :; do {shlex.join(command)}; done"]
        self.compare(f"slowhttptest {mode}", command, under_way or self.open_files)

    def test_slow_heads(self):
        self.slow("-H", "-x", "24")

    def test_slow_bodies(self):
        self.slow("-B", "-s", "8192", "-x", "10")

    def test_slow_readers(self):
        self.slow("-X", "-w", "512", "-y", "1024", "-n", "1", "-z", "32", path="/bytes/1000000")

    def test_ranges(self):
        self.slow("-R", "-a", "5", "-b", "2000", under_way=self.requests, felt=50, again=True)

    def requests(self):
        """How many the backend has got."""
        return int(self.metric(r"trunkline_request_duration_seconds_count"))

    # ---- floods of HTTP/2

    def metric(self, name, label=""):
        with socket.socket(socket.AF_UNIX) as admin:
            admin.settimeout(10)
            admin.connect(str(self.system.folder / ".trunkline/admin.sock"))
            admin.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            page = admin.makefile("rb").read().decode()
        return sum(float(line.rsplit(" ", 1)[1]) for line in page.splitlines()
                   if line.startswith(name) and line[len(name)] in " {" and label in line)

    def flood(self, reason):
        self.felt = 1
        command = [system.PYTHON, str(TESTS / "conformance/h2_attacks.py"), str(self.system.port), reason, "120", str(FLOODERS)]
        self.compare(reason, command, lambda: self.metric("trunkline_http2_abuse_total", f'reason="{reason}"'))


def flood_test(reason):
    return lambda self: self.flood(reason)


for one in ("rapid_reset", "continuations", "settings", "pings", "empty_frames", "window_updates", "priorities", "unknown_frames"):
    setattr(Floods, f"test_{one}", flood_test(one))


if __name__ == "__main__":
    unittest.main()
