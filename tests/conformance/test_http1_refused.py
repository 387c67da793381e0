# deadline: 100
"""What is no HTTP/1.1, or could be read in two ways (RFC 9110, RFC 9112), byte by byte.

The rule behind every case: what arrives at the service is exactly one well-formed request, or nothing.
What is ambiguous is refused and never sent on.
"""
import hashlib
import socket
import unittest

import wire
from http1_gateway import CHUNKED, H, MANIFEST, refused_answer, start, start_backend

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
    global backend, gateway
    backend = start_backend()
    gateway = start(MANIFEST, backend)


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


if __name__ == "__main__":
    unittest.main()
