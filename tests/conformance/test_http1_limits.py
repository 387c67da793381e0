# deadline: 100
"""Large bodies with back-pressure, and every bound that the manifest sets: sizes, times, connections.
"""
import contextlib
import hashlib
import os
import select
import threading
import time
import unittest

import wire
from http1_gateway import CHUNKED, H, MANIFEST, refused_answer, start, start_backend

TIGHT = """
system: tight
telemetry: { access_log: none }
gateway:
  listen: <port>
  limits: { head: 2KB, headers: 12, target: 512, body: 10KB, connections: 40 }
  timeouts: { head: 400ms, body: 400ms, write: 600ms, idle: 700ms }
  routes:
    - { path: /*, to: backend }
contexts:
  test:
    backend: { address: "127.0.0.1:<backend>" }
"""


def setUpModule():
    global backend, gateway, tight
    backend = start_backend()
    gateway = start(MANIFEST, backend)
    tight = start(TIGHT, backend)


class LargeBodies(unittest.TestCase):
    SIZE = 10 << 20

    def test_ten_megabytes_arrive_whole_in_both_directions(self):
        block = os.urandom(1 << 16)
        body = block * (self.SIZE // len(block))
        digest = hashlib.sha256(body).hexdigest()

        def back(exchange):
            exchange.reply(200, exchange.read_body())
        backend.on("/large/back", back)
        self.assertEqual(gateway.ask("POST", "/large/echo", body=body).json()["sha256"], digest)
        self.assertEqual(hashlib.sha256(gateway.ask("PUT", "/large/back", body=body).body).hexdigest(), digest)
        chunked = b"".join(b"%x\r\n%b\r\n" % (n, body[:n]) for n in (1, 100_000, 2_000_000)) + b"0\r\n\r\n"
        with gateway.client() as client:
            client.send(CHUNKED.replace("~", "/large/chunked").encode() + chunked)
            want = body[:1] + body[:100_000] + body[:2_000_000]
            self.assertEqual(client.response().json()["sha256"], hashlib.sha256(want).hexdigest())

    def test_a_slow_reader_holds_the_service_back(self):
        sent = [0]

        def pour(exchange):
            exchange.read_body()
            exchange.send(f"HTTP/1.1 200 OK\r\nContent-Length: {8 * self.SIZE}\r\n\r\n")
            for _ in range(8 * self.SIZE // 65536):
                exchange.send(b"x" * 65536)
                sent[0] += 65536
        backend.on("/pour", pour)
        with gateway.client(receive_buffer=65536) as client:
            client.request("GET", "/pour")
            client.exactly(100_000)
            before = wire.wait_until(lambda: self.steady(sent), what="the service to be held back")
            self.assertLess(before, 2 * self.SIZE, "the gateway takes in what the client does not take")
            while client.exactly(1 << 20) and sent[0] <= before:
                pass
            self.assertGreater(sent[0], before)

    @staticmethod
    def steady(counter):
        before = counter[0]
        time.sleep(0.25)
        return counter[0] if counter[0] == before else 0

    def test_a_slow_service_holds_the_uploader_back(self):
        go = threading.Event()

        def late(exchange):
            go.wait(10)
            exchange.echo()
        backend.on("/late-upload", late)
        with gateway.client() as client:
            sent = [0]

            def upload():
                client.send(f"POST /late-upload HTTP/1.1\r\n{H}Content-Length: {4 * self.SIZE}\r\n\r\n")
                for _ in range(4 * self.SIZE // 65536):
                    client.send(b"y" * 65536)
                    sent[0] += 65536
            sender = threading.Thread(target=upload, daemon=True)
            sender.start()
            held = wire.wait_until(lambda: self.steady(sent), what="the uploader to be held back")
            self.assertLess(held, 3 * self.SIZE)
            go.set()
            self.assertEqual(client.response().json()["length"], 4 * self.SIZE)
            sender.join(5)


class LimitsFromTheManifest(unittest.TestCase):
    def test_sizes(self):
        cases = [("head", f"GET /tight HTTP/1.1\r\n{H}X-A: {'a' * 2100}\r\n\r\n", 431),
                 ("headers", f"GET /tight HTTP/1.1\r\n{H}{''.join(f'X-{i}: 1{chr(13)}{chr(10)}' for i in range(13))}\r\n", 431),
                 ("target", f"GET /tight?{'a' * 600} HTTP/1.1\r\n{H}\r\n", 414),
                 ("body", f"POST /tight HTTP/1.1\r\n{H}Content-Length: 10241\r\n\r\n", 413)]
        for name, data, status in cases:
            with self.subTest(name), tight.client() as client:
                client.send(data)
                answer = refused_answer(client)
                self.assertEqual(answer.status, status)
                self.assertEqual(answer.json()["cause"], "body_too_large" if name == "body" else "head_too_large")
        self.assertEqual(backend.requests("/tight"), [])

    def test_connections_over_the_cap_are_closed_at_once_and_harm_nobody(self):
        with contextlib.ExitStack() as stack:
            first = stack.enter_context(gateway.client())
            self.assertEqual(first.ask("GET", "/cap/first").status, 200)
            crowd = [stack.enter_context(gateway.client()) for _ in range(400)]
            closed = wire.wait_until(lambda: self.closed_of(crowd), what="the connections over the cap to be closed")
            self.assertLessEqual(len(crowd) - closed, 200)
            self.assertEqual(first.ask("GET", "/cap/still").status, 200)
        wire.wait_until(self.accepts_again, what="the gateway to accept again")

    @staticmethod
    def closed_of(crowd):
        """How many of these connections have ended, once that is at least half."""
        readable = select.poll()
        for client in crowd:
            readable.register(client.sock, select.POLLIN)
        closed = len(readable.poll(100))
        return closed if closed >= 200 else 0

    @staticmethod
    def accepts_again():
        try:
            return gateway.ask("GET", "/cap/again").status == 200
        except (OSError, wire.Ended):
            return False

    def test_what_is_just_within_them_passes(self):
        with tight.client() as client:
            client.send(f"POST /within?{'a' * 480} HTTP/1.1\r\n{H}X-A: {'a' * 900}\r\nContent-Length: 10240\r\n\r\n" + "b" * 10240)
            self.assertEqual(client.response().json()["length"], 10240)

    def test_a_chunked_body_over_the_limit_is_cut(self):
        with tight.client() as client:
            client.send(CHUNKED.replace("~", "/too-many-chunks"))
            try:
                for _ in range(20):
                    client.send("400\r\n" + "a" * 1024 + "\r\n")
            except ConnectionError:
                pass
            answer = refused_answer(client)
            self.assertEqual((answer.status, answer.json()["cause"]), (413, "body_too_large"))
        self.assertEqual([r.complete for r in backend.requests("/too-many-chunks")] or [False], [False])

    def test_a_head_that_drips_gets_408(self):
        with tight.client() as client:
            began = time.monotonic()
            client.send("GET /drip HTTP/1.1\r\n")
            for _ in range(4):
                time.sleep(0.08)
                client.send("X-A: b\r\n")
            answer = refused_answer(client)
            self.assertEqual((answer.status, answer.json()["cause"]), (408, "request_timeout"))
            self.assertLess(time.monotonic() - began, 2.5)
        self.assertEqual(backend.requests("/drip"), [])

    def test_a_body_that_stops_gets_408(self):
        with tight.client() as client:
            client.send(f"POST /stalled HTTP/1.1\r\n{H}Content-Length: 100\r\n\r\nabc")
            answer = refused_answer(client)
            self.assertEqual((answer.status, answer.json()["cause"]), (408, "request_timeout"))
        self.assertEqual([r.complete for r in backend.requests("/stalled")] or [False], [False])

    def test_idle_connections_are_closed_without_a_word(self):
        with tight.client() as client:
            self.assertEqual(client.ask("GET", "/idle").status, 200)
            began = time.monotonic()
            self.assertTrue(client.closed())
            self.assertGreater(time.monotonic() - began, 0.4)

    def test_a_connection_that_never_speaks_is_closed(self):
        with tight.client() as client:
            self.assertTrue(client.closed())

    def test_a_client_that_stops_reading_is_let_go(self):
        def pour(exchange):
            exchange.read_body()
            exchange.send(f"HTTP/1.1 200 OK\r\nContent-Length: {1 << 30}\r\n\r\n")
            while True:
                exchange.send(b"x" * 65536)
        backend.on("/pour-tight", pour)
        before = len(backend.cut)
        with tight.client(receive_buffer=65536) as client:
            client.request("GET", "/pour-tight")
            wire.wait_until(lambda: len(backend.cut) > before, what="the gateway to give up on the client")


if __name__ == "__main__":
    unittest.main()
