# deadline: 240
"""gRPC-Web, as bytes and as text, over HTTP/1.1 and HTTP/2, to a gRPC service; and the browsers' own client."""
import base64
import http.client
import importlib.util
import pathlib
import shutil
import struct
import subprocess
import time
import unittest

import npm_cache
import system

HERE = pathlib.Path(__file__).resolve().parent
CURL = shutil.which("curl")
MANIFEST = """
system: web-calls
telemetry: { access_log: none }
grace: 5s
gateway:
  listen: <port>
  threads: 1
  routes:
    - { path: /test.Echo/*, to: echo, timeout: 5s }
    - { path: /test.Dead/Unary, to: dead }
    - { path: /test.Plain/Unary, to: plain, rewrite: /body }
contexts:
  test:
    echo: { run: "<python> <service>", protocol: http2, health: { grpc: true } }
    plain: { run: "<python> <kit>", health: /healthz }
    dead: { address: "127.0.0.1:9", protocol: http2, health: { none: true } }
"""
BINARY, TEXT = "application/grpc-web+proto", "application/grpc-web-text"


def setUpModule():
    global running
    if not importlib.util.find_spec("grpc"):
        raise unittest.SkipTest("python3-grpcio is not installed")
    running = system.System(MANIFEST, service=HERE / "grpc_service.py", kit=HERE.parent / "kit/service.py").start()
    unittest.addModuleCleanup(running.stop)


def frame(message, flags=0):
    return struct.pack(">BI", flags, len(message)) + message


def decode_text(text):
    """Base64 that may be padded wherever a piece ended."""
    return b"".join(base64.b64decode(text[at:at + 4], validate=True) for at in range(0, len(text), 4))


def frames(body):
    """([messages], {trailers})"""
    messages, trailers = [], None
    while body:
        flags, length = struct.unpack(">BI", body[:5])
        piece, body = body[5:5 + length], body[5 + length:]
        assert trailers is None and len(piece) == length, (flags, length, piece)
        if flags & 0x80:
            trailers = dict(line.split(": ", 1) for line in piece.decode().split("\r\n") if line)
        else:
            messages.append(piece)
    return messages, trailers


def post(method, message, kind, headers=(), chunks=None):
    """(the answer, its body) over HTTP/1.1; `chunks` cuts the body of the request."""
    body = frame(message)
    if kind == TEXT:
        body = base64.b64encode(body)
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=20)
    if chunks:
        whole = body
        body = (whole[at:at + chunks] for at in range(0, len(whole), chunks))
    connection.request("POST", method, body, {"Content-Type": kind, "X-Grpc-Web": "1", **dict(headers)},
                       encode_chunked=chunks is not None)
    answer = connection.getresponse()
    got = answer.read()
    connection.close()
    return answer, got


def call(method, message=b"hello", kind=BINARY, headers=(), chunks=None):
    """(the answer, its messages, its trailers)"""
    answer, body = post(method, message, kind, headers, chunks)
    if answer.headers["content-type"].startswith(TEXT):
        body = decode_text(body)
    return answer, *frames(body)


class Calls(unittest.TestCase):
    def test_unary_with_metadata_both_ways(self):
        for kind in (BINARY, TEXT):
            with self.subTest(kind):
                answer, messages, trailers = call("/test.Echo/Unary", kind=kind, headers=[("x-in", "a value")])
                self.assertEqual((answer.status, messages), (200, [b"hello"]))
                self.assertTrue(answer.headers["content-type"].startswith(kind.partition("+")[0]))
                self.assertEqual((trailers["grpc-status"], trailers["x-out"]), ("0", "seen"))
                self.assertEqual(answer.headers["x-in"], "a value")
                self.assertIsNone(answer.headers["grpc-status"], "the status stands in the body alone")

    def test_a_request_cut_anywhere(self):
        for kind in (BINARY, TEXT):
            for chunks in (1, 3, 7, 4096):
                with self.subTest(kind=kind, chunks=chunks):
                    message = bytes(range(256)) * (1 if chunks < 10 else 1000)
                    self.assertEqual(call("/test.Echo/Unary", message, kind, chunks=chunks)[1], [message])

    def test_server_streaming_delivers_each_message_at_once(self):
        for kind in (BINARY, TEXT):
            with self.subTest(kind):
                connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=20)
                body = frame(b"event")
                connection.request("POST", "/test.Echo/Down", base64.b64encode(body) if kind == TEXT else body,
                                   {"Content-Type": kind, "x-count": "3", "x-pause-ms": "400"})
                answer, arrived, whole = connection.getresponse(), [], b""
                while piece := answer.read1():
                    whole += piece
                    arrived.append(time.monotonic())
                messages, trailers = frames(decode_text(whole) if kind == TEXT else whole)
                self.assertEqual((messages, trailers["grpc-status"]), ([b"event"] * 3, "0"))
                self.assertGreater(arrived[-1] - arrived[0], 0.4, "the first message was held back")
                connection.close()

    def test_large_messages(self):
        message = bytes(range(256)) * 20_000
        for kind in (BINARY, TEXT):
            self.assertEqual(call("/test.Echo/Unary", message, kind)[1], [message])

    def test_text_may_be_asked_for(self):
        answer, messages, _ = call("/test.Echo/Unary", headers=[("Accept", TEXT)])
        self.assertTrue(answer.headers["content-type"].startswith(TEXT))
        self.assertEqual(messages, [b"hello"])

    @unittest.skipUnless(CURL, "curl is not installed")
    def test_over_http_2(self):
        for kind in (BINARY, TEXT):
            body = frame(b"hello")
            done = subprocess.run(
                [CURL, "-sS", "--http2-prior-knowledge", "--max-time", "20", "-H", f"Content-Type: {kind}", "--data-binary", "@-",
                 f"http://127.0.0.1:{running.port}/test.Echo/Unary"],
                input=base64.b64encode(body) if kind == TEXT else body, capture_output=True, timeout=30, check=True)
            messages, trailers = frames(decode_text(done.stdout) if kind == TEXT else done.stdout)
            self.assertEqual((messages, trailers["grpc-status"]), ([b"hello"], "0"))


class Ends(unittest.TestCase):
    def test_a_call_that_ends_without_a_message(self):
        for kind in (BINARY, TEXT):
            answer, messages, trailers = call("/test.Echo/Fail", kind=kind, headers=[("x-status", "not_found")])
            self.assertEqual((answer.status, messages, trailers["grpc-status"]), (200, [], "5"))
            self.assertEqual(trailers["grpc-message"], "as was asked for: %C3%A4")

    def test_a_call_that_fails_behind_its_messages(self):
        _, messages, trailers = call("/test.Echo/Fail", headers=[("x-status", "aborted"), ("x-count", "2")])
        self.assertEqual((messages, trailers["grpc-status"]), ([b"hello"] * 2, "10"))

    def test_refusals_of_our_own(self):
        for method, status, cause in (("/nobody.Knows/It", "12", "no_route"),
                                      ("/test.Dead/Unary", "14", "upstream_connect_failed")):
            for kind in (BINARY, TEXT):
                answer, messages, trailers = call(method, kind=kind)
                self.assertEqual((answer.status, messages, trailers["grpc-status"]), (200, [], status))
                self.assertEqual(answer.headers["x-trunkline-cause"], cause)
                self.assertTrue(trailers["grpc-message"])

    def test_text_that_is_none_is_refused(self):
        connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=20)
        connection.request("POST", "/test.Echo/Unary", b"AAAAAAU*aGVsbG8=", {"Content-Type": TEXT})
        answer = connection.getresponse()
        _, trailers = frames(decode_text(answer.read()))
        self.assertEqual((trailers["grpc-status"], answer.headers["x-trunkline-cause"]), ("13", "bad_request"))
        connection.close()

    def test_a_deadline_ends_a_stream(self):
        _, messages, trailers = call("/test.Echo/Hang", headers=[("grpc-timeout", "700m")])
        self.assertEqual((messages, trailers["grpc-status"]), ([b"hello"], "4"))

    def test_a_service_of_http_1_gets_it_untouched(self):
        answer, body = post("/test.Plain/Unary", b"hello", BINARY)
        self.assertEqual(answer.status, 200)
        self.assertIn(b'"length": 10', body)


class Browser(unittest.TestCase):
    """The client that pages use (npm grpc-web), with an XMLHttpRequest for Node."""
    def ask(self, form, scenario):
        return npm_cache.run(HERE / "grpc_web_client.js", running.port, form, scenario)

    def test_unary(self):
        told = self.ask("text", "unary")
        self.assertEqual((told.get("text"), told["code"]), ("hello", 0), told)

    def test_server_streaming(self):
        told = self.ask("text", "down")
        self.assertEqual((told["texts"], told["code"]), (["x"] * 3, 0))

    def test_statuses_of_the_service_and_of_our_own(self):
        self.assertEqual(self.ask("text", "fail")["code"], 5)
        self.assertEqual(self.ask("text", "refused")["code"], 12)


if __name__ == "__main__":
    unittest.main()
