# deadline: 120
"""Clients that are slow on purpose: head, body, answer, silence. HTTP/1 and HTTP/2 end them alike, by the same keys.

Each drips a byte now and then, far more often than the deadlines of silence would need: it is the pace that ends it.
"""
import struct
import threading
import time
import unittest

import system
import wire
from h2_frames import (DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, RST_STREAM, SETTINGS, WINDOW_UPDATE, Attacker,
                       field, frame, get)

MANIFEST = """
system: patient
telemetry: { access_log: none }
gateway:
  listen: <port>
  threads: 1
  limits: { rate: 2KB, memory: 16MB }
  timeouts: { head: 1s, body: 1s, write: 1s, idle: 1s }
  routes:
    - { path: /*, to: backend }
contexts:
  test:
    backend: { address: "127.0.0.1:<backend>" }
"""
DRIP = 0.05  # seconds
TEN_SECONDS = 10
NO_WINDOW = frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 0))
# Each stream gets its first piece, and holds the second one, which is larger.
SMALL_WINDOWS = frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 20000)) + frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 1 << 30))
ONE_BYTE = struct.pack(">I", 1)


def setUpModule():
    global running, backend
    backend = wire.Backend()
    unittest.addModuleCleanup(backend.close)
    backend.on("/large", pour)
    running = system.System(MANIFEST, backend=backend.port).start()
    unittest.addModuleCleanup(running.stop)


def pour(exchange):
    exchange.read_body()
    exchange.send("HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
    while True:
        exchange.send(b"x" * 65536)


class Drip:
    """Sends a piece every so often until it is told to stop, or the other side has had enough."""
    def __init__(self, send, piece):
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run, args=(send, piece))

    def run(self, send, piece):
        while not self.stopping.wait(DRIP):
            try:
                if send(piece) is False:
                    return
            except OSError:
                return

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join()


class Http1(unittest.TestCase):
    def setUp(self):
        self.client = wire.Client(running.port, receive_buffer=4096)
        self.addCleanup(self.client.sock.close)
        self.client.sock.settimeout(TEN_SECONDS)

    def test_a_head_that_drips(self):
        self.client.send("GET /x HTTP/1.1\r\nHost: a\r\n")
        with Drip(self.client.send, "a: b\r\n"):
            self.assertEqual(self.client.response().status, 408)

    def test_a_body_that_drips(self):
        for how in ("Content-Length: 100000", "Transfer-Encoding: chunked"):
            with self.subTest(how):
                self.setUp()
                self.client.send(f"POST /slow-body HTTP/1.1\r\nHost: a\r\n{how}\r\n\r\n")
                with Drip(self.client.send, "1\r\nx\r\n" if "chunked" in how else "x"):
                    answer = self.client.response()
                self.assertEqual((answer.status, answer.json()["cause"]), (408, "request_timeout"))

    def test_an_answer_that_is_not_read(self):
        before = len(backend.cut)
        self.client.request("GET", "/large")
        wire.wait_until(lambda: len(backend.cut) > before, TEN_SECONDS, "the service to be told that the client is lost")

    def test_silence(self):
        self.assertTrue(self.client.closed(TEN_SECONDS))


class Http2(unittest.TestCase):
    def setUp(self):
        self.client = Attacker(running.port)
        self.addCleanup(self.client.close)

    def first(self, *kinds):
        return next(((kind, payload) for kind, _, _, payload in self.client.frames() if kind in kinds), None)

    def test_a_head_that_drips(self):
        self.client.send(frame(HEADERS, END_STREAM, 1, get()))
        kind, payload = self.first(GOAWAY)
        self.assertEqual(payload[4:8], struct.pack(">I", 1))

    def test_a_frame_that_drips(self):
        self.client.send(struct.pack(">I", 1000)[1:] + bytes([HEADERS, END_STREAM | END_HEADERS]) + struct.pack(">I", 1))
        with Drip(self.client.send, field("a", "b")):
            self.assertEqual(self.first(GOAWAY)[0], GOAWAY)

    def test_a_body_that_drips(self):
        fields = get("/slow-body").replace(b"GET", b"PUT")
        self.client.send(frame(HEADERS, END_HEADERS, 1, fields))
        with Drip(self.client.send, frame(DATA, 0, 1, b"x")):
            _, payload = self.first(HEADERS)
            _, problem = self.first(DATA)
        self.assertIn(b"request_timeout", payload + problem)

    def test_an_answer_that_is_taken_by_the_byte(self):
        before = len(backend.cut)
        self.client.send(NO_WINDOW + frame(HEADERS, END_STREAM | END_HEADERS, 1, get("/large")))
        with Drip(self.client.send, frame(WINDOW_UPDATE, 0, 1, ONE_BYTE)):
            self.assertIsNotNone(self.first(RST_STREAM))
        wire.wait_until(lambda: len(backend.cut) > before, TEN_SECONDS, "the service to be told that the client is lost")
        # The connection goes on: only the one request had been slow.
        self.client.send(frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 65535)) + frame(HEADERS, END_STREAM | END_HEADERS, 3, get()))
        self.assertIsNotNone(self.first(HEADERS))

    def test_silence(self):
        self.assertEqual([kind for kind, *_ in self.client.frames()][-1], GOAWAY)  # and then the end

    def test_a_call_of_grpc_may_be_slow(self):
        fields = get("/grpc").replace(field(":method", "GET"), field(":method", "POST")) + field("content-type", "application/grpc")
        self.client.send(frame(HEADERS, END_HEADERS, 1, fields))
        with Drip(self.client.send, frame(DATA, 0, 1, b"\0")):
            time.sleep(3)  # three times as long as a body may take that is none
            self.client.sock.settimeout(0.5)
        self.assertEqual([kind for kind, *_ in self.client.frames() if kind in (HEADERS, RST_STREAM, GOAWAY)], [])
        self.client.sock.settimeout(TEN_SECONDS)


class Memory(unittest.TestCase):
    """16 MB for all buffers: what slow readers hold counts, and new requests are refused before it is used up."""
    def test_requests_of_both_versions_are_refused_when_slow_readers_hold_it(self):
        text = MANIFEST.replace("body: 1s, write: 1s", "body: 60s, write: 60s").replace("patient", "full")
        with system.System(text, backend=backend.port) as full:
            readers = [Attacker(full.port) for _ in range(4)]
            asked = b"".join(frame(HEADERS, END_STREAM | END_HEADERS, stream, get("/large")) for stream in range(1, 200, 2))
            for reader in readers:
                reader.send(SMALL_WINDOWS + asked)
                threading.Thread(target=lambda reader=reader: list(reader.frames()), daemon=True).start()
            wire.wait_until(lambda: b"out_of_memory" in full.ask("GET", "/x").body, TEN_SECONDS, "a request of HTTP/1 to be refused")
            wire.wait_until(lambda: b"out_of_memory" in self.ask_http2(full.port), TEN_SECONDS, "one of HTTP/2 to be refused")
            for reader in readers:
                reader.cut()
            wire.wait_until(lambda: full.ask("GET", "/x").status == 200, TEN_SECONDS, "requests to be served again")

    def ask_http2(self, port):
        """The body of an answer."""
        client = Attacker(port)
        try:
            client.send(frame(HEADERS, END_STREAM | END_HEADERS, 1, get("/x")))
            body = b""
            for kind, flags, stream, payload in client.frames():
                body += payload if kind == DATA else b""
                if stream == 1 and (flags & END_STREAM or kind == RST_STREAM):
                    return body
            return body
        finally:
            client.close()


if __name__ == "__main__":
    unittest.main()
