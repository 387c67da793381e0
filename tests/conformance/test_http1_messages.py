# deadline: 100
"""HTTP/1.1 as it should be: connections, answers of every kind, one hop's own fields, upgrades; and that nothing which
a service sends at the wrong time becomes somebody else's answer.
"""
import base64
import contextlib
import hashlib
import os
import socket
import threading
import time
import unittest

import wire
from http1_gateway import H, MANIFEST, start, start_backend


def setUpModule():
    global backend, gateway
    backend = start_backend()
    gateway = start(MANIFEST, backend)


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
            payload = os.urandom(300_000).replace(b"bye", b"dye")
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


if __name__ == "__main__":
    unittest.main()
