# deadline: 150
"""HTTP/1.1 at the gateway, byte by byte (RFC 9110, RFC 9112).

The rule behind every case: what arrives at the service is exactly one well-formed request, or nothing.
What is ambiguous is refused and never sent on.
"""
import base64
import contextlib
import hashlib
import os
import select
import socket
import threading
import time
import unittest

import system
import wire

MANIFEST = """
system: conform
mode: development
telemetry: { access_log: none }
gateway:
  listen: <port>
  threads: 2
  limits: { body: 64MB, connections: 100 }
  routes:
    - { path: /*, to: backend }
contexts:
  test:
    backend: { address: "127.0.0.1:<backend>" }
"""
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
H = "Host: conform.test\r\n"

# name, bytes, statuses. "~" is replaced by a path of the case's own; each must be refused before anything of it is
# sent on, and whatever stands behind it on the connection with it.
REFUSED = [
    ("length and chunked", f"POST ~ HTTP/1.1\r\n{H}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", {400}),
    ("chunked and length", f"POST ~ HTTP/1.1\r\n{H}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", {400}),
    ("chunked twice", f"POST ~ HTTP/1.1\r\n{H}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", {400, 501}),
    ("chunked, chunked", f"POST ~ HTTP/1.1\r\n{H}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", {400, 501}),
    ("chunked, identity", f"POST ~ HTTP/1.1\r\n{H}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", {400, 501}),
    ("identity", f"POST ~ HTTP/1.1\r\n{H}Transfer-Encoding: identity\r\nContent-Length: 3\r\n\r\nabc", {400, 501}),
    ("gzip, chunked", f"POST ~ HTTP/1.1\r\n{H}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", {400, 501}),
    ("xchunked", f"POST ~ HTTP/1.1\r\n{H}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", {400, 501}),
    ("chunked in quotes", f"POST ~ HTTP/1.1\r\n{H}Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n", {400, 501}),
    ("chunked with a parameter", f"POST ~ HTTP/1.1\r\n{H}Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n", {400, 501}),
    ("empty coding", f"POST ~ HTTP/1.1\r\n{H}Transfer-Encoding:\r\nContent-Length: 3\r\n\r\nabc", {400, 501}),
    ("coding behind a vertical tab", f"POST ~ HTTP/1.1\r\n{H}Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n", {400, 501}),
    ("coding behind NUL", f"POST ~ HTTP/1.1\r\n{H}Transfer-Encoding:\0chunked\r\n\r\n0\r\n\r\n", {400, 501}),
    ("coding on a folded line", f"POST ~ HTTP/1.1\r\n{H}Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", {400}),
    ("coding with space before the colon", f"POST ~ HTTP/1.1\r\n{H}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", {400}),
    ("coding with HTTP/1.0", f"POST ~ HTTP/1.0\r\n{H}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", {400}),
    ("lengths that differ", f"POST ~ HTTP/1.1\r\n{H}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", {400}),
    ("lengths in a list", f"POST ~ HTTP/1.1\r\n{H}Content-Length: 3, 4\r\n\r\nabcd", {400}),
    ("length +3", f"POST ~ HTTP/1.1\r\n{H}Content-Length: +3\r\n\r\nabc", {400}),
    ("length -1", f"POST ~ HTTP/1.1\r\n{H}Content-Length: -1\r\n\r\n", {400}),
    ("length 0x3", f"POST ~ HTTP/1.1\r\n{H}Content-Length: 0x3\r\n\r\nabc", {400}),
    ("length 3 3", f"POST ~ HTTP/1.1\r\n{H}Content-Length: 3 3\r\n\r\nabc", {400}),
    ("length empty", f"POST ~ HTTP/1.1\r\n{H}Content-Length:\r\n\r\n", {400}),
    ("length of 20 digits", f"POST ~ HTTP/1.1\r\n{H}Content-Length: 99999999999999999999\r\n\r\n", {400, 413}),
    ("length that wraps to 3", f"POST ~ HTTP/1.1\r\n{H}Content-Length: 18446744073709551619\r\n\r\nabc", {400, 413}),
    ("length with space before the colon", f"POST ~ HTTP/1.1\r\n{H}Content-Length : 3\r\n\r\nabc", {400}),
    ("length with tab before the colon", f"POST ~ HTTP/1.1\r\n{H}Content-Length\t: 3\r\n\r\nabc", {400}),
    ("obs-fold", f"GET ~ HTTP/1.1\r\n{H}X-A: b\r\n c\r\n\r\n", {400}),
    ("obs-fold by tab", f"GET ~ HTTP/1.1\r\n{H}X-A: b\r\n\tc\r\n\r\n", {400}),
    ("first header line folded", f"GET ~ HTTP/1.1\r\n X-A: b\r\n{H}\r\n", {400}),
    ("bare LF as line end", "GET ~ HTTP/1.1\nHost: conform.test\n\n", {400}),
    ("bare LF within the head", f"GET ~ HTTP/1.1\r\n{H}X-A: b\nX-B: c\r\n\r\n", {400}),
    ("bare CR within a value", f"GET ~ HTTP/1.1\r\n{H}X-A: b\rX-B: c\r\n\r\n", {400}),
    ("bare CR before the end", f"GET ~ HTTP/1.1\r\n{H}X-A: b\r\r\n\r\n", {400}),
    ("LF CR", f"GET ~ HTTP/1.1\r\n{H}X-A: b\n\rX-B: c\r\n\r\n", {400}),
    ("NUL in a value", f"GET ~ HTTP/1.1\r\n{H}X-A: b\0c\r\n\r\n", {400}),
    ("NUL in a name", f"GET ~ HTTP/1.1\r\n{H}X-\0A: b\r\n\r\n", {400}),
    ("NUL in the target", f"GET ~\0 HTTP/1.1\r\n{H}\r\n", {400}),
    ("DEL in a value", f"GET ~ HTTP/1.1\r\n{H}X-A: b\x7fc\r\n\r\n", {400}),
    ("escape in a value", f"GET ~ HTTP/1.1\r\n{H}X-A: b\x1b[31m\r\n\r\n", {400}),
    ("no name", f"GET ~ HTTP/1.1\r\n{H}: b\r\n\r\n", {400}),
    ("no colon", f"GET ~ HTTP/1.1\r\n{H}X-A b\r\n\r\n", {400}),
    ("space in a name", f"GET ~ HTTP/1.1\r\n{H}X A: b\r\n\r\n", {400}),
    ("brackets in a name", f"GET ~ HTTP/1.1\r\n{H}X[A]: b\r\n\r\n", {400}),
    ("eight-bit name", f"GET ~ HTTP/1.1\r\n{H}X-\xe4: b\r\n\r\n", {400}),
    ("no Host", "GET ~ HTTP/1.1\r\nX-A: b\r\n\r\n", {400}),
    ("two Hosts", f"GET ~ HTTP/1.1\r\n{H}Host: other.test\r\n\r\n", {400}),
    ("the same Host twice", f"GET ~ HTTP/1.1\r\n{H}{H}\r\n", {400}),
    ("Host with a space", "GET ~ HTTP/1.1\r\nHost: conform test\r\n\r\n", {400}),
    ("Host with a path", "GET ~ HTTP/1.1\r\nHost: conform.test/a\r\n\r\n", {400}),
    ("Host with a user", "GET ~ HTTP/1.1\r\nHost: user@conform.test\r\n\r\n", {400}),
    ("Host with a comma", "GET ~ HTTP/1.1\r\nHost: a.test, b.test\r\n\r\n", {400}),
    ("Host with a bad port", "GET ~ HTTP/1.1\r\nHost: conform.test:80a\r\n\r\n", {400}),
    ("Host with port 99999", "GET ~ HTTP/1.1\r\nHost: conform.test:99999\r\n\r\n", {400}),
    ("Host with an open bracket", "GET ~ HTTP/1.1\r\nHost: [::1\r\n\r\n", {400}),
    ("absolute form with a bad authority", f"GET http://user@conform.test~ HTTP/1.1\r\n{H}\r\n", {400}),
    ("absolute form without authority", f"GET http://~ HTTP/1.1\r\n{H}\r\n", {400}),
    ("absolute form of another scheme", f"GET ftp://conform.test~ HTTP/1.1\r\n{H}\r\n", {400}),
    ("target without slash", f"GET conform~ HTTP/1.1\r\n{H}\r\n", {400}),
    ("asterisk with GET", f"GET * HTTP/1.1\r\n{H}X: ~\r\n\r\n", {400}),
    ("fragment", f"GET ~#part HTTP/1.1\r\n{H}\r\n", {400}),
    ("HTTP/0.9", "GET ~\r\n\r\n", {400, 505}),
    ("HTTP/2.0", f"GET ~ HTTP/2.0\r\n{H}\r\n", {400, 505}),
    ("HTTP/1.2", f"GET ~ HTTP/1.2\r\n{H}\r\n", {400, 505}),
    ("HTTP/1.10", f"GET ~ HTTP/1.10\r\n{H}\r\n", {400, 505}),
    ("http/1.1", f"GET ~ http/1.1\r\n{H}\r\n", {400, 505}),
    ("the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400, 505}),
    ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(40), {400}),
    ("two spaces", f"GET  ~ HTTP/1.1\r\n{H}\r\n", {400}),
    ("a tab for a space", f"GET\t~ HTTP/1.1\r\n{H}\r\n", {400}),
    ("space at the end", f"GET ~ HTTP/1.1 \r\n{H}\r\n", {400, 505}),
    ("space in front", f" GET ~ HTTP/1.1\r\n{H}\r\n", {400}),
    ("space within the target", f"GET ~ a HTTP/1.1\r\n{H}\r\n", {400, 505}),
    ("brackets as method", f"GE(T ~ HTTP/1.1\r\n{H}\r\n", {400}),
    ("method of 200 characters", f"{'M' * 200} ~ HTTP/1.1\r\n{H}\r\n", {400, 501}),
    ("three empty lines in front", f"\r\n\r\n\r\nGET ~ HTTP/1.1\r\n{H}\r\n", {400}),
    ("CONNECT", f"CONNECT conform.test:443 HTTP/1.1\r\n{H}\r\n", {400, 405, 501}),
    ("head of 64 KB", f"GET ~ HTTP/1.1\r\n{H}X-A: {'a' * 65536}\r\n\r\n", {431}),
    ("200 header lines", f"GET ~ HTTP/1.1\r\n{H}{''.join(f'X-{i}: {i}{chr(13)}{chr(10)}' for i in range(200))}\r\n", {431}),
    ("target of 20 KB", f"GET ~?{'a' * 20000} HTTP/1.1\r\n{H}\r\n", {414}),
    ("body over the limit", f"POST ~ HTTP/1.1\r\n{H}Content-Length: 67108865\r\n\r\n", {413}),
]
# Well-formed, but no path that a rule could be applied to safely: refused, and the connection goes on.
BAD_PATHS = [
    ("dots", f"GET /a/..~ HTTP/1.1\r\n{H}\r\n", {400}),
    ("coded dots", f"GET /%2e%2E~ HTTP/1.1\r\n{H}\r\n", {400}),
    ("dots behind a coded slash", f"GET ~/..%2f..%2Fetc HTTP/1.1\r\n{H}\r\n", {400}),
    ("backslash", f"GET ~\\..\\etc HTTP/1.1\r\n{H}\r\n", {400}),
    ("coded NUL", f"GET ~%00 HTTP/1.1\r\n{H}\r\n", {400}),
    ("broken percent code", f"GET ~%zz HTTP/1.1\r\n{H}\r\n", {400}),
]
CHUNKED = f"POST ~ HTTP/1.1\r\n{H}Transfer-Encoding: chunked\r\n\r\n"
# Bodies that break the chunked coding: refused, and never complete at the service.
BAD_CHUNKS = [
    ("no digits", "\r\nabc\r\n0\r\n\r\n"), ("negative", "-3\r\nabc\r\n0\r\n\r\n"), ("0x", "0x3\r\nabc\r\n0\r\n\r\n"),
    ("plus", "+3\r\nabc\r\n0\r\n\r\n"), ("space in front", " 3\r\nabc\r\n0\r\n\r\n"), ("underscore", "0_3\r\nabc\r\n0\r\n\r\n"),
    ("space behind", "3 \r\nabc\r\n0\r\n\r\n"), ("too many digits", "00000000000000003\r\nabc\r\n0\r\n\r\n"),
    ("wraps to 3", "10000000000000003\r\nabc\r\n0\r\n\r\n"), ("bare LF", "3\nabc\r\n0\r\n\r\n"),
    ("bare CR", "3\rabc\r\n0\r\n\r\n"), ("data too long", "3\r\nabcd\r\n0\r\n\r\n"), ("data without end", "3\r\nabc0\r\n\r\n"),
    ("data ends in LF", "3\r\nabc\n0\r\n\r\n"), ("LF in an extension", "3;a\nb\r\nabc\r\n0\r\n\r\n"),
    ("NUL in an extension", "3;a\0b\r\nabc\r\n0\r\n\r\n"), ("long extension", f"3;{'a' * 5000}\r\nabc\r\n0\r\n\r\n"),
    ("trailer that frames", "3\r\nabc\r\n0\r\nContent-Length: 3\r\n\r\n"),
    ("trailer that routes", "3\r\nabc\r\n0\r\nHost: other.test\r\n\r\n"),
    ("trailer without colon", "3\r\nabc\r\n0\r\nX-A b\r\n\r\n"), ("folded trailer", "3\r\nabc\r\n0\r\nX-A: b\r\n c\r\n\r\n"),
    ("trailers of 64 KB", f"3\r\nabc\r\n0\r\nX-A: {'a' * 65536}\r\n\r\n"), ("last chunk by LF", "3\r\nabc\r\n0\n\n"),
]


def setUpModule():
    global backend, gateway, tight
    backend = wire.Backend()
    gateway = system.System(MANIFEST, backend=backend.port)
    unittest.addModuleCleanup(backend.close)
    gateway.start()
    unittest.addModuleCleanup(gateway.stop)
    tight = system.System(TIGHT, backend=backend.port)
    tight.start()
    unittest.addModuleCleanup(tight.stop)


def refused_answer(client):
    """The answer to what was refused: whole, a problem, and the end of the connection."""
    answer = client.response()
    assert answer.headers.get("content-type") == "application/problem+json", answer
    assert answer.headers.get("connection") == "close", answer
    return answer


class WhatIsRefused(unittest.TestCase):
    def send(self, port, data, path):
        raw = data.encode("latin-1") if isinstance(data, str) else data
        poison = f"GET {path}/poison HTTP/1.1\r\n{H}\r\n".encode()
        with wire.Client(port) as client:
            client.send(raw.replace(b"~", path.encode()) + poison)
            answer = refused_answer(client)
            client.sock.shutdown(socket.SHUT_WR)
            self.assertEqual(client.rest(), b"", "something was answered behind the refusal")
        return answer

    def test_heads_that_are_ambiguous_or_too_large_are_refused_and_never_sent_on(self):
        for number, (name, data, statuses) in enumerate(REFUSED):
            with self.subTest(name):
                path = f"/refused/{number}-"
                answer = self.send(gateway.port, data, path)
                self.assertIn(answer.status, statuses)
                self.assertEqual(answer.json()["status"], answer.status)
                self.assertEqual(backend.requests(path), [])

    def test_paths_with_a_second_meaning_are_refused_and_never_sent_on(self):
        with gateway.client() as client:
            for number, (name, data, statuses) in enumerate(BAD_PATHS):
                with self.subTest(name):
                    path = f"/paths/{number}-"
                    client.send(data.replace("~", path) + f"GET /paths/next-{number} HTTP/1.1\r\n{H}\r\n")
                    answer = client.response()
                    self.assertIn(answer.status, statuses)
                    self.assertEqual(answer.json()["cause"], "bad_request")
                    self.assertEqual(client.response().json()["target"], f"/paths/next-{number}")
                    self.assertEqual(backend.requests(path), [])

    def test_bodies_that_break_the_chunked_coding_are_refused_and_never_whole_at_the_service(self):
        for number, (name, body) in enumerate(BAD_CHUNKS):
            with self.subTest(name):
                path = f"/chunks/{number}-"
                answer = self.send(gateway.port, CHUNKED + body, path)
                self.assertEqual(answer.status, 400)
                self.assertEqual(answer.json()["cause"], "bad_request")
                self.assertEqual([r for r in backend.requests(path) if r.complete or "poison" in r.target], [])

    def test_a_chunk_that_breaks_late_ends_the_upload_without_a_second_request(self):
        with gateway.client() as client:
            client.send(CHUNKED.replace("~", "/late-chunk") + "3\r\nabc\r\n")
            wire.wait_until(lambda: backend.requests("/late-chunk"), what="the head at the service")
            client.send(f"zz\r\nGET /late-chunk/poison HTTP/1.1\r\n{H}\r\n")
            self.assertEqual(refused_answer(client).status, 400)
        seen = backend.requests("/late-chunk")
        self.assertEqual([(r.target, r.complete) for r in seen], [("/late-chunk", False)])

    def test_heads_that_arrive_in_single_bytes_are_judged_the_same(self):
        for name, data, statuses in [REFUSED[0], REFUSED[27], REFUSED[30]]:
            with self.subTest(name), gateway.client() as client:
                client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                try:
                    for byte in data.replace("~", "/single-bytes").encode():
                        client.send(bytes([byte]))
                except ConnectionError:
                    pass  # refused before the end
                self.assertIn(refused_answer(client).status, statuses)
        self.assertEqual(backend.requests("/single-bytes"), [])

    @classmethod
    def tearDownClass(cls):
        assert backend.malformed == [], backend.malformed


class WhatIsAccepted(unittest.TestCase):
    def test_a_body_that_looks_like_a_request_stays_a_body(self):
        body = f"GET /inner HTTP/1.1\r\n{H}\r\n".encode()
        answer = gateway.ask("POST", "/outer", body=body)
        self.assertEqual(answer.json()["sha256"], hashlib.sha256(body).hexdigest())
        self.assertEqual(backend.requests("/inner"), [])

    def test_equal_lengths_in_one_form_or_a_refusal_but_never_two_lengths(self):
        with gateway.client() as client:
            client.send(f"POST /same-length HTTP/1.1\r\n{H}Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc")
            self.assertIn(client.response().status, (200, 400))
        self.assertEqual([len(r.headers.all("content-length")) for r in backend.requests("/same-length")] or [1], [1])

    def test_up_to_two_empty_lines_before_a_request_are_skipped(self):
        with gateway.client() as client:
            client.send(f"\r\n\r\nGET /empty-lines HTTP/1.1\r\n{H}\r\n")
            self.assertEqual(client.response().status, 200)

    def test_the_absolute_form_wins_over_host(self):
        with gateway.client() as client:
            client.send(f"GET http://real.test/absolute?a=b HTTP/1.1\r\n{H}\r\n")
            seen = client.response().json()
        self.assertEqual(seen["target"], "/absolute?a=b")
        self.assertEqual(wire.Headers(seen["headers"]).all("host"), ["real.test"])

    def test_options_asterisk_is_answered_without_harm(self):
        with gateway.client() as client:
            client.send(f"OPTIONS * HTTP/1.1\r\n{H}\r\nGET /behind-asterisk HTTP/1.1\r\n{H}\r\n")
            self.assertLess(client.response().status, 500)
            self.assertEqual(client.response().json()["target"], "/behind-asterisk")

    def test_header_values_keep_their_bytes_and_lose_the_space_around_them(self):
        with gateway.client() as client:
            client.send(f"GET /values HTTP/1.1\r\n{H}X-A: \t caf\xe9; \"q\" \t\r\nX-Empty:\r\nX-A: 2\r\n\r\n".encode("latin-1"))
            seen = wire.Headers(client.response().json()["headers"])
        self.assertEqual(seen.all("x-a"), ["caf\xe9; \"q\"", "2"])
        self.assertEqual(seen.all("x-empty"), [""])


class Connections(unittest.TestCase):
    def test_one_connection_serves_many_requests(self):
        with gateway.client() as client:
            for i in range(50):
                self.assertEqual(client.ask("GET", f"/keep-alive/{i}").json()["target"], f"/keep-alive/{i}")

    def test_pipelined_requests_are_answered_in_order(self):
        backend.on("/pipe/slow", lambda exchange: (time.sleep(0.2), exchange.echo())[1])
        targets = ["/pipe/slow", "/pipe/1", "/pipe/2", "/pipe/slow?again", "/pipe/3"]
        with gateway.client() as client:
            client.send("".join(f"POST {t} HTTP/1.1\r\n{H}Content-Length: 2\r\n\r\nab" for t in targets))
            self.assertEqual([client.response().json()["target"] for _ in targets], targets)

    def test_connection_close_is_honoured(self):
        with gateway.client() as client:
            answer = client.ask("GET", "/close", {"Connection": "close"})
            self.assertEqual((answer.status, answer.headers.get("connection")), (200, "close"))
            self.assertTrue(client.closed())

    def test_http_1_0_closes_unless_it_asks_to_stay(self):
        with gateway.client() as client:
            client.send(f"GET /one-zero HTTP/1.0\r\n{H}\r\n")
            self.assertEqual(client.response().status, 200)
            self.assertTrue(client.closed())
        with gateway.client() as client:
            client.send(f"GET /one-zero HTTP/1.0\r\n{H}Connection: keep-alive\r\n\r\n")
            self.assertEqual(client.response().headers.get("connection", "").lower(), "keep-alive")
            client.send("GET /one-zero/no-host HTTP/1.0\r\n\r\n")
            self.assertEqual(client.response().status, 200)

    def test_http_1_0_gets_no_chunks_and_no_1xx(self):
        def stream(exchange):
            exchange.read_body()
            exchange.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
            exchange.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n")
        backend.on("/one-zero-stream", stream)
        with gateway.client() as client:
            client.send(f"GET /one-zero-stream HTTP/1.0\r\n{H}\r\n")
            raw = client.rest()
        head, _, body = raw.partition(b"\r\n\r\n")
        self.assertTrue(head.startswith(b"HTTP/1.1 200"), raw)
        self.assertNotIn(b"chunked", head.lower())
        self.assertEqual(body, b"abcdef")

    def test_a_client_that_has_said_all_and_half_closes_gets_its_answer(self):
        backend.on("/half", lambda exchange: (time.sleep(0.3), exchange.echo())[1])
        with gateway.client() as client:
            client.request("POST", "/half", body=b"abc")
            client.sock.shutdown(socket.SHUT_WR)
            self.assertEqual(client.response().json()["length"], 3)

    def test_a_client_that_leaves_within_its_body_leaves_no_request_behind(self):
        with gateway.client() as client:
            client.send(f"POST /left HTTP/1.1\r\n{H}Content-Length: 100\r\n\r\nabc")
            wire.wait_until(lambda: backend.requests("/left"), what="the head at the service")
        wire.wait_until(lambda: any(b"/left" in raw for raw in backend.cut), what="the broken upload at the service")
        self.assertFalse(backend.requests("/left")[0].complete)
        self.assertEqual(gateway.ask("GET", "/after-left").json()["target"], "/after-left")

    def test_an_early_answer_to_a_long_upload_arrives(self):
        def early(exchange):
            exchange.reply(413, "too much", [("Connection", "close")])
            return False
        backend.on("/early", early)
        with gateway.client() as client:
            client.send(f"POST /early HTTP/1.1\r\n{H}Content-Length: 3000000\r\n\r\n" + "a" * 1000)
            answer = client.response()
        self.assertEqual((answer.status, answer.body), (413, b"too much"))


class Answers(unittest.TestCase):
    def raw(self, path, text):
        def answer(exchange):
            exchange.read_body()
            exchange.send(text)
        backend.on(path, answer)

    def test_head_gives_the_head_alone(self):
        self.raw("/head", "HTTP/1.1 200 OK\r\nContent-Length: 1234\r\nX-A: b\r\n\r\n")
        with gateway.client() as client:
            answer = client.ask("HEAD", "/head")
            self.assertEqual((answer.status, answer.headers.get("content-length"), answer.headers.get("x-a")), (200, "1234", "b"))
            self.assertEqual(client.ask("GET", "/after-head").status, 200)

    def test_204_and_304_have_no_body_and_keep_the_connection(self):
        self.raw("/none/204", "HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n")
        self.raw("/none/304", "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\nContent-Length: 99\r\n\r\n")
        with gateway.client() as client:
            no_content = client.ask("GET", "/none/204")
            self.assertEqual((no_content.status, no_content.headers.get("content-length")), (204, None))
            self.assertIsNone(no_content.headers.get("transfer-encoding"))
            self.assertEqual(client.ask("GET", "/none/304").headers.get("etag"), '"a"')
            self.assertEqual(client.ask("GET", "/after-none").status, 200)

    def test_an_answer_that_ends_with_the_connection_is_framed(self):
        def until_close(exchange):
            exchange.read_body()
            exchange.send("HTTP/1.1 200 OK\r\n\r\nabc")
            time.sleep(0.05)
            exchange.send("def")
            return False
        backend.on("/until-close", until_close)
        with gateway.client() as client:
            answer = client.ask("GET", "/until-close")
            self.assertEqual((answer.body, answer.headers.get("transfer-encoding")), (b"abcdef", "chunked"))
            self.assertEqual(client.ask("GET", "/after-until-close").status, 200)

    def test_chunks_and_trailers_pass_in_both_directions(self):
        def answer(exchange):
            exchange.read_body()
            exchange.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n")
            exchange.send(f"{len(exchange.seen.body):x}\r\n".encode() + exchange.seen.body + b"\r\n0\r\n")
            exchange.send(f"X-Sum: {exchange.seen.trailers.get('x-check')}\r\n\r\n")
        backend.on("/trailers", answer)
        with gateway.client() as client:
            client.send(f"POST /trailers HTTP/1.1\r\n{H}Transfer-Encoding: chunked\r\nTrailer: X-Check\r\n\r\n"
                        "3;a=b\r\nabc\r\n0004\r\ndefg\r\n0\r\nX-Check: 42\r\n\r\n")
            answer = client.response()
        self.assertEqual((answer.body, answer.trailers), (b"abcdefg", [("X-Sum", "42")]))

    def test_early_hints_pass(self):
        self.raw("/hints", "HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        answer = gateway.ask("GET", "/hints")
        self.assertEqual([(s, h.get("link")) for s, h in answer.informational], [(103, "</style.css>; rel=preload")])
        self.assertEqual(answer.body, b"ok")

    def test_expect_100_continue_is_the_services_to_answer(self):
        def wants_body(exchange):
            exchange.send("HTTP/1.1 100 Continue\r\n\r\n")
            exchange.echo()
        backend.on("/expect/yes", wants_body)
        backend.on("/expect/no", lambda exchange: (exchange.reply(417, "no"), False)[1])
        head = f"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n"
        with gateway.client() as client:
            client.send(f"POST /expect/yes HTTP/1.1\r\n{H}{head}")
            self.assertEqual(client.head()[0], 100)
            client.send("hello")
            self.assertEqual(client.response().json()["length"], 5)
        with gateway.client() as client:
            client.send(f"POST /expect/no HTTP/1.1\r\n{H}{head}")
            answer = client.response()
            self.assertEqual((answer.status, answer.informational), (417, []))

    def test_bad_answers_of_a_service_become_502_and_are_never_sent_on(self):
        bad = ["HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
               "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc", "HTTP/1.1 2000 OK\r\n\r\n",
               "HTTP/1.1 200 OK\r\nX-A : b\r\n\r\n", "HTTP/1.1 200 OK\r\nX-A: b\r\n c\r\n\r\n", "hello\r\n\r\n",
               "HTTP/1.1 200 OK\r\nX-A: b\rX-B: c\r\n\r\n", "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
               "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nabc", "HTTP/1.1 200 OK\r\nX-A: \0\r\n\r\n",
               "HTTP/1.1 200 OK\r\nX-A: " + "a" * 70000 + "\r\n\r\n"]
        for number, text in enumerate(bad):
            with self.subTest(text[:60]):
                self.raw(f"/bad-answer/{number}-", text)
                answer = gateway.ask("GET", f"/bad-answer/{number}-")
                self.assertEqual((answer.status, answer.json()["cause"]), (502, "upstream_protocol"))

    def test_an_answer_that_breaks_off_is_not_made_whole(self):
        def broken(exchange):
            exchange.read_body()
            exchange.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
            time.sleep(0.1)
            return False
        backend.on("/broken-off", broken)
        with gateway.client() as client:
            client.request("GET", "/broken-off")
            with self.assertRaises((wire.Ended, ConnectionError)):
                client.response()


class HopByHop(unittest.TestCase):
    def test_fields_of_one_hop_are_not_sent_on(self):
        def answer(exchange):
            exchange.read_body()
            exchange.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: X-Mine, close\r\nX-Mine: 1\r\nKeep-Alive: timeout=5\r\n"
                          "Proxy-Authenticate: Basic\r\nX-Kept: 1\r\n\r\nok")
            return False
        backend.on("/hop", answer)
        answer = gateway.ask("GET", "/hop", {
            "Connection": "keep-alive, X-Secret, x-other", "X-Secret": "1", "X-Other": "2", "X-Kept": "3", "TE": "gzip",
            "Keep-Alive": "timeout=5", "Proxy-Authorization": "Basic eDp5", "Proxy-Connection": "keep-alive"})
        seen = backend.requests("/hop")[0].headers
        for name in ("x-secret", "x-other", "te", "keep-alive", "proxy-authorization", "proxy-connection", "upgrade"):
            self.assertEqual(seen.all(name), [], name)
        self.assertEqual(seen.all("x-kept"), ["3"])
        for name in ("x-mine", "keep-alive", "proxy-authenticate"):
            self.assertEqual(answer.headers.all(name), [], name)
        self.assertEqual((answer.headers.get("x-kept"), answer.headers.get("connection")), ("1", None))

    def test_connection_cannot_take_host_or_the_trace_away(self):
        gateway.ask("GET", "/protected-hop", {"Connection": "Host, traceparent, X-Forwarded-For, Content-Length"})
        seen = backend.requests("/protected-hop")[0].headers
        for name in ("host", "traceparent", "x-forwarded-for"):
            self.assertEqual(len(seen.all(name)), 1, name)


class Upgrades(unittest.TestCase):
    def test_a_websocket_passes_with_what_is_sent_early(self):
        key = base64.b64encode(os.urandom(16)).decode()
        accept = base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()

        def websocket(exchange):
            exchange.send(f"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
                          .encode() + b"\x81\x05hello")
            while True:
                exchange.wire.fill()
                data, exchange.wire.buffer = exchange.wire.buffer, b""
                exchange.send(data[::-1])
                if b"bye" in data:
                    return False
        backend.on("/socket", websocket)
        with gateway.client() as client:
            client.send(f"GET /socket HTTP/1.1\r\n{H}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                        f"Sec-WebSocket-Key: {key}\r\n\r\nearly")
            answer = client.response()
            self.assertEqual((answer.status, answer.headers.get("sec-websocket-accept")), (101, accept))
            self.assertEqual((answer.headers.get("upgrade"), answer.headers.get("connection").lower()), ("websocket", "upgrade"))
            self.assertEqual(client.exactly(12), b"\x81\x05helloylrae")
            payload = os.urandom(300_000)
            threading.Thread(target=client.send, args=(payload,), daemon=True).start()
            echoed = client.exactly(len(payload))
            self.assertEqual(sorted(echoed), sorted(payload))
            client.send("bye")
            self.assertEqual(client.rest(), b"eyb")
        self.assertEqual(backend.requests("/socket")[0].headers.get("upgrade"), "websocket")

    def test_a_service_may_decline_an_upgrade(self):
        with gateway.client() as client:
            answer = client.ask("GET", "/declined", {"Connection": "Upgrade", "Upgrade": "websocket"})
            self.assertEqual(answer.status, 200)
            self.assertEqual(client.ask("GET", "/after-declined").status, 200)

    def test_h2c_is_not_passed_on(self):
        answer = gateway.ask("GET", "/h2c", {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAMAAABk"})
        seen = wire.Headers(answer.json()["headers"])
        self.assertEqual(seen.all("upgrade") + seen.all("http2-settings"), [])

    def test_a_101_that_nobody_asked_for_is_an_error(self):
        def unasked(exchange):
            exchange.read_body()
            exchange.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        backend.on("/unasked", unasked)
        self.assertEqual(gateway.ask("GET", "/unasked").status, 502)


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


class NothingIsMixedUp(unittest.TestCase):
    """What a service sends at the wrong time must never become somebody else's answer."""
    EVIL = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"

    def ask_many(self, path, count=20):
        with gateway.client() as client:
            for i in range(count):
                target = f"/clean/{path.strip('/')}/{i}"
                self.assertEqual(client.ask("GET", target).json()["target"], target)

    def test_bytes_behind_an_answer_are_not_the_next_answer(self):
        for name, text in [("length", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
                           ("chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"),
                           ("204", "HTTP/1.1 204 No Content\r\n\r\n"), ("304", "HTTP/1.1 304 Not Modified\r\n\r\n")]:
            with self.subTest(name):
                def answer(exchange, text=text):
                    exchange.read_body()
                    exchange.send(text + self.EVIL)
                backend.on(f"/surplus/{name}", answer)
                self.assertIn(gateway.ask("GET", f"/surplus/{name}").status, (200, 204, 304))
                self.ask_many(name)

    def test_bytes_on_an_idle_connection_are_not_the_next_answer(self):
        def answer(exchange):
            exchange.reply(200, "ok")
            time.sleep(0.1)
            exchange.send(self.EVIL)
        backend.on("/idle-bytes", answer)
        self.assertEqual(gateway.ask("GET", "/idle-bytes").body, b"ok")
        time.sleep(0.2)
        self.ask_many("idle-bytes")

    def test_a_body_that_a_head_request_got_is_not_the_next_answer(self):
        def answer(exchange):
            exchange.read_body()
            exchange.send("HTTP/1.1 200 OK\r\nContent-Length: 47\r\n\r\n" + self.EVIL)
        backend.on("/head-with-body", answer)
        with gateway.client() as client:
            self.assertEqual(client.ask("HEAD", "/head-with-body").status, 200)
            self.assertEqual(client.ask("GET", "/clean/after-head").json()["target"], "/clean/after-head")
        self.ask_many("head")

    def test_an_answer_that_came_before_the_request_was_read_leaves_no_trace(self):
        def early(exchange):
            exchange.reply(200, "early")
            exchange.read_body()
        backend.on("/before-the-body", early)
        body = b"GET /smuggled HTTP/1.1\r\nHost: conform.test\r\n\r\n" * 5000
        for _ in range(3):
            with gateway.client() as client:
                client.send(f"POST /before-the-body HTTP/1.1\r\n{H}Content-Length: {len(body)}\r\n\r\n".encode() + body[:1000])
                self.assertEqual(client.response().body, b"early")
                with contextlib.suppress(ConnectionError):
                    client.send(body[1000:])
        self.ask_many("before")
        self.assertEqual(backend.requests("/smuggled"), [])
        self.assertEqual([m for m in backend.malformed if b"before-the-body" in m[1]], [])

    def test_a_client_that_leaves_does_not_leave_its_answer_to_the_next(self):
        backend.on("/leaves", lambda exchange: (time.sleep(0.15), exchange.reply(200, "late"))[1])
        for _ in range(5):
            with gateway.client() as client:
                client.request("GET", "/leaves")
                time.sleep(0.02)
        self.ask_many("leaves")
        time.sleep(0.2)
        self.ask_many("leaves")

    def test_connections_to_the_service_are_used_again(self):
        before = backend.connections
        self.ask_many("reuse", 100)
        self.assertLess(backend.connections - before, 5)

    def test_requests_with_and_without_a_body_keep_their_framing(self):
        for method, body in [("GET", b"abc"), ("DELETE", b"abc"), ("POST", b""), ("PUT", None), ("OPTIONS", b"a"), ("PURGE", b"abc")]:
            with self.subTest(f"{method} {body}"):
                seen = gateway.ask(method, "/framing", body=body).json()
                self.assertEqual((seen["method"], seen["length"]), (method, len(body or b"")))
                lengths = wire.Headers(seen["headers"]).all("content-length")
                self.assertEqual(lengths, [] if body is None else [str(len(body))])

    def test_a_flood_of_pipelined_requests_is_answered_in_order_within_bounds(self):
        count = 3000
        with gateway.client() as client:
            data = "".join(f"GET /flood/{i} HTTP/1.1\r\n{H}\r\n" for i in range(count)).encode()
            threading.Thread(target=client.send, args=(data,), daemon=True).start()
            for i in range(count):
                self.assertEqual(client.response().json()["target"], f"/flood/{i}")

    def test_several_1xx_pass_but_not_without_end(self):
        def chatter(exchange):
            exchange.read_body()
            for _ in range(int(exchange.seen.target.rsplit("/", 1)[1])):
                exchange.send("HTTP/1.1 102 Processing\r\n\r\n")
            exchange.reply(200, "ok")
        backend.on("/chatter", chatter)
        answer = gateway.ask("GET", "/chatter/10")
        self.assertEqual((answer.status, len(answer.informational)), (200, 10))
        answer = gateway.ask("GET", "/chatter/5000")
        self.assertEqual((answer.status, answer.json()["cause"]), (502, "upstream_protocol"))


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
