#!/usr/bin/env python3
# serial
# deadline: 240
"""Backends that fail, are slow, are dead, or get more than they can take: what the client sees, and what they see.

RESILIENCE_SECONDS=60 plays the overload for a minute instead of eight seconds. Figures are printed.
"""
import asyncio
import http.client
import json
import os
import pathlib
import socket
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from kit import open_load, processes, system  # noqa: E402
from kit.stalls import Stalls  # noqa: E402

BACKEND = pathlib.Path(__file__).resolve().parents[1] / "kit/backend.py"
OVERLOAD_SECONDS = float(os.environ.get("RESILIENCE_SECONDS", "8"))


class Backends:
    """Processes of backend.py, and a system whose one service they are."""

    def __init__(self, count, keys="", gateway=""):
        self.ports = [processes.free_port() for _ in range(count)]
        self.processes = [subprocess.Popen([system.PYTHON, str(BACKEND), str(port)]) for port in self.ports]
        addresses = ", ".join(f'"127.0.0.1:{port}"' for port in self.ports)
        service = f"    echo:\n      address: [{addresses}]\n{keys}"
        self.system = system.System(system.manifest(service, gateway="  threads: 2\n" + gateway))

    def __enter__(self):
        for port in self.ports:
            processes.wait_until(lambda port=port: processes.accepts(port), 10, f"a backend on {port}")
        self.system.start(ready=False)
        processes.wait_until(lambda: processes.accepts(self.system.port), 20, self.system.said)
        processes.wait_until(self.answers, 10, self.system.said)
        return self

    def __exit__(self, *_):
        self.system.close()
        for process in self.processes:
            process.kill()
            process.wait()

    def rules(self, which, **rules):
        connection = http.client.HTTPConnection("127.0.0.1", self.ports[which], timeout=10)
        connection.request("GET", "/_rules?" + "&".join(f"{key}={value}" for key, value in rules.items()))
        told = json.loads(connection.getresponse().read())
        connection.close()
        return told

    def load(self, rate, seconds, during=(), timeout=5.0):
        load = open_load.OpenLoad(self.system.port, rate, seconds, during=during, timeout=timeout)
        asyncio.run(load.run())
        return load

    def answers(self):
        try:
            return self.system.get("/x")[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def service(self):
        return self.system.services()["echo"]


def causes(samples):
    return sorted({f"{sample.status} {sample.cause}" for sample in samples})


class OneOfThree(unittest.TestCase):
    """One of three backends goes wrong under load."""

    def play(self, **rules):
        with Backends(3) as backends:
            for which in range(3):
                backends.rules(which, ms=5)
            load = backends.load(150, 9, during=[(3, lambda: backends.rules(0, **rules))])
            errors = [sample for sample in load.samples if sample.status != 200]
            normal, after = open_load.p99(load.between(1, 3)), open_load.p99(load.between(6, 9))
            print(f"one of three with {rules}: {len(errors)} errors of {len(load.samples)}, p99 {normal * 1000:.0f} ms"
                  f" before, {after * 1000:.0f} ms from the third second on", file=sys.stderr)
            self.assertLessEqual(len(errors), len(load.samples) / 1000, causes(errors))
            self.assertLess(after, max(0.1, 3 * normal))
            return backends.service(), backends.system.run("services")[1]

    def test_fails_half_the_time_and_clients_see_nothing_of_it(self):
        service, shown = self.play(fail=0.5)
        ejected = [instance["ejected"] for instance in service["instances"] if instance["ejected"]]
        self.assertEqual(len(ejected), 1, service)
        self.assertIn("fail", ejected[0])
        self.assertIn("ejected", shown)

    def test_is_slow_and_gets_no_more_requests(self):
        service, _ = self.play(ms=1000)
        ejected = [instance["ejected"] for instance in service["instances"] if instance["ejected"]]
        self.assertEqual(len(ejected), 1, service)
        self.assertIn("slower", ejected[0])

    def test_breaks_connections_and_clients_see_nothing_of_it(self):
        self.play(breaks=1)


class Dead(unittest.TestCase):
    def test_gets_no_storm_of_retries_even_without_a_breaker(self):
        keys = ("      breaker: { enabled: false }\n      outlier: { enabled: false }\n      passive: { failures: 0 }\n"
                "      retry: { attempts: 5, budget_least: 0 }\n")
        with Backends(3, keys) as backends:
            before = sum(backends.rules(which, breaks=1)["requests"] for which in range(3))
            load = backends.load(100, 5)
            got = sum(backends.rules(which)["requests"] for which in range(3)) - before
            print(f"dead service: {len(load.samples)} requests offered, {got} received", file=sys.stderr)
            self.assertLessEqual(got, 1.2 * len(load.samples))
            self.assertGreaterEqual(got, 1.1 * len(load.samples))  # retries were made, so the budget is what ended them

    def test_opens_the_breaker_which_says_so_everywhere_and_closes_again(self):
        with Backends(1, "      passive: { failures: 0 }\n") as backends:
            backends.rules(0, fail=1)
            load = backends.load(60, 3)
            refused = [sample for sample in load.samples if sample.cause == "circuit_open"]
            self.assertGreater(len(refused), len(load.samples) / 2, causes(load.samples))
            service = backends.service()
            self.assertIn(service["breaker"], ("open", "half open"))
            self.assertIn("circuit breaker", service["reason"])
            status, _, headers = backends.system.get("/x")
            self.assertEqual(status, 503)
            if headers["X-Trunkline-Cause"] == "circuit_open":
                self.assertGreaterEqual(int(headers["Retry-After"]), 1)
            backends.rules(0, fail=0)
            processes.wait_until(lambda: backends.load(40, 0.5) and backends.service()["breaker"] == "closed", 20,
                                 lambda: f"the breaker to close: {backends.service()}")
            self.assertEqual(backends.service()["reason"].find("circuit breaker"), -1)


class Overload(unittest.TestCase):
    """Without a key: by default."""

    def test_goodput_stays_near_capacity_and_recovers_at_once(self):
        workers, milliseconds = 10, 50
        capacity = workers * 1000 / milliseconds
        with Backends(1) as backends:
            backends.rules(0, workers=workers, ms=milliseconds)
            last = 4 + OVERLOAD_SECONDS
            largest = []
            pid = backends.system.process.pid
            watch = [(4 + second, lambda: largest.append(processes.rss(pid))) for second in range(int(OVERLOAD_SECONDS))]
            with Stalls() as stalls:
                load = backends.load([(capacity / 2, 4), (2 * capacity, OVERLOAD_SECONDS), (capacity / 2, 5)], 0, watch, 3.0)
            good = [s for s in load.between(5, last) if s.status == 200]
            goodput = len(good) / (OVERLOAD_SECONDS - 1)
            refused = [s for s in load.between(5, last) if s.status != 200]
            late = [s for s in load.between(last + 2, last + 5) if s.status != 200 or s.took > 0.5]
            print(f"overload at twice {capacity:.0f}/s: goodput {goodput:.0f}/s ({goodput / capacity:.0%}), p99 of good"
                  f" answers {open_load.p99(good) * 1000:.0f} ms, {max(largest) >> 20} MB, refused as {causes(refused)},"
                  f" bad or slow 2 s after: {len(late)}; the machine's own stalls: {stalls.total:.2f} s, {stalls.worst:.2f} s"
                  " at worst", file=sys.stderr)
            self.assertGreater(goodput, 0.8 * capacity)
            self.assertTrue(all(s.status == 503 and s.cause == "overloaded" for s in refused), causes(refused))
            self.assertLess(max(largest), 512 << 20)
            self.assertEqual(late, [])


class Bounds(unittest.TestCase):
    def test_one_client_gets_no_more_than_its_connections(self):
        with Backends(1, gateway="  limits: { connections_per_client: 4 }\n") as backends:
            def ask(connection):
                connection.sendall(b"GET /x HTTP/1.1\r\nHost: test\r\n\r\n")
                try:
                    return connection.recv(1000).startswith(b"HTTP/1.1 200")
                except OSError:
                    return False
            connections = [socket.create_connection(("127.0.0.1", backends.system.port)) for _ in range(40)]
            served = sum(ask(connection) for connection in connections)
            self.assertTrue(4 <= served <= 8, served)  # four for each of two threads
            for connection in connections:
                connection.close()
            processes.wait_until(backends.answers, 5, "a new connection to be served")

    def test_sheds_before_its_memory_is_used_up_and_recovers(self):
        with Backends(1, gateway="  limits: { memory: 16MB }\n") as backends:
            waiting = []
            causes_seen = set()
            end = time.monotonic() + 20
            # Heads that never end: each holds a buffer.
            while "out_of_memory" not in causes_seen and time.monotonic() < end:
                for _ in range(100):
                    connection = socket.create_connection(("127.0.0.1", backends.system.port))
                    connection.sendall(b"GET /x HTTP/1.1\r\nHost: test\r\nX-Long: " + b"x" * 100)
                    waiting.append(connection)
                try:
                    status, body, headers = backends.system.get("/x", timeout=3)
                    if status != 200:
                        causes_seen.add(headers["X-Trunkline-Cause"])
                        self.assertEqual(status, 503)
                        self.assertEqual(headers["Retry-After"], "1")
                        self.assertIn(b"memory", body)
                except (OSError, http.client.HTTPException):
                    pass
            self.assertIn("out_of_memory", causes_seen)
            self.assertLess(len(waiting), 2500)
            self.assertLess(processes.rss(backends.system.process.pid), 100 << 20)
            for connection in waiting:
                connection.close()
            processes.wait_until(backends.answers, 10, "requests to be served again")

    def test_bodies_that_policies_gather_count_as_memory(self):
        gathers = "  policies: { json: { request: { drop: [secret] } } }\n"
        with Backends(1, gateway="  limits: { memory: 16MB }\n" + gathers) as backends:
            part = b"x" * 800_000
            head = b"POST /x HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\nContent-Length: 900000\r\n\r\n"
            waiting, refused = [], b""
            end = time.monotonic() + 30
            # Bodies that never end: each is gathered.
            while not refused and time.monotonic() < end and len(waiting) < 200:
                connection = socket.create_connection(("127.0.0.1", backends.system.port))
                waiting.append(connection)
                connection.settimeout(0.5)
                try:
                    connection.sendall(head + part)
                    refused = connection.recv(4096)
                except TimeoutError:
                    pass
            self.assertIn(b"503 ", refused[:20])
            self.assertIn(b"out_of_memory", refused)
            self.assertLess(len(waiting), 40)
            self.assertLess(processes.rss(backends.system.process.pid), 100 << 20)
            for connection in waiting:
                connection.close()
            processes.wait_until(backends.answers, 10, "requests to be served again")


if __name__ == "__main__":
    unittest.main()
