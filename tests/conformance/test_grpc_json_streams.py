# deadline: 180
"""Answers of gRPC as JSON through the real binary: streams, services that break gRPC's rules or die, reflection."""
import concurrent.futures
import http.client
import json
import pathlib
import re
import shutil
import socket
import struct
import subprocess
import time
import unittest
import zlib

import transcoding
import wire
from kit.system import SANITIZED
from transcoding import JSON, ask, seen, stats


def setUpModule():
    transcoding.start()


class Streams(unittest.TestCase):
    def open(self, target, accept=None):
        connection = http.client.HTTPConnection("127.0.0.1", transcoding.running.port, timeout=10)
        self.addCleanup(connection.close)
        connection.request("GET", target, headers={"Accept": accept} if accept else {})
        return connection, connection.getresponse()

    def test_messages_are_lines_that_come_one_by_one(self):
        _, answer = self.open("/v1/watch?count=4&pause_ms=300")
        self.assertEqual((answer.status, answer.getheader("Content-Type")), (200, "application/x-ndjson"))
        times, lines = [], []
        for line in answer:
            times.append(time.monotonic())
            lines.append(json.loads(line))
        self.assertEqual(lines, [{"id": str(i)} for i in range(4)])
        self.assertGreater(times[-1] - times[0], 0.6)

    def test_events_for_who_accepts_them(self):
        _, answer = self.open("/v1/watch?count=2", "text/event-stream")
        self.assertEqual(answer.getheader("Content-Type"), "text/event-stream")
        self.assertEqual(answer.read(), b'data: {"id":"0"}\n\ndata: {"id":"1"}\n\n')

    def test_a_stream_without_messages(self):
        _, answer = self.open("/v1/watch")
        self.assertEqual((answer.status, answer.read()), (200, b""))
        _, answer = self.open("/v1/watch?code=7&message=no")
        self.assertEqual((answer.status, json.loads(answer.read())["grpc_status"]), (403, "PERMISSION_DENIED"))

    def test_an_error_behind_the_first_message_is_the_last_line(self):
        _, answer = self.open("/v1/watch?count=2&code=14&message=gone")
        lines = [json.loads(line) for line in answer]
        self.assertEqual((answer.status, lines[:2]), (200, [{"id": "0"}, {"id": "1"}]))
        self.assertEqual((lines[2]["error"]["status"], lines[2]["error"]["detail"]), (503, "gone"))
        _, answer = self.open("/v1/watch?count=1&code=5", "text/event-stream")
        events = answer.read().decode().strip().split("\n\n")
        self.assertEqual(events[0], 'data: {"id":"0"}')
        self.assertTrue(events[1].startswith("event: error\ndata: {"), events)

    def test_a_message_that_is_too_large_ends_the_stream(self):
        _, answer = self.open("/v1/watch?count=3&size=70000")
        self.assertEqual(answer.status, 502)
        answer, problem = ask("POST", "/zip/shop.Orders/Fail", {"size": 5000000})
        self.assertEqual((answer.status, problem["cause"]), (502, "bad_upstream_answer"))
        self.assertIn("has more than 4194304 bytes", problem["detail"])

    def test_a_long_stream_outlives_the_time_to_its_head(self):
        _, answer = self.open("/lax/v1/watch?count=5000&size=2000")
        self.assertEqual(sum(1 for _ in answer), 5000)

    def test_a_reader_that_stops_stops_the_service(self):
        status = pathlib.Path(f"/proc/{transcoding.running.process.pid}/status")
        memory = lambda: int(re.search(r"VmRSS:\s+(\d+)", status.read_text(encoding="ascii"))[1])
        before, sent = memory(), stats()["sent"]
        connection, answer = self.open("/v1/watch?count=100000&size=20000")
        self.assertTrue(answer.readline())
        time.sleep(1)
        first = stats()["sent"]
        time.sleep(1)
        last = stats()["sent"]
        self.assertEqual(first, last, "it goes on sending")
        self.assertLess(last - sent, 2000)
        if not SANITIZED:  # a sanitizer keeps what is freed
            self.assertLess(memory() - before, 40 << 10)
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        answer.close()
        connection.close()

    def test_who_leaves_cancels_the_call(self):
        before = stats()
        connection, answer = self.open("/v1/watch?count=1&hang=true")
        self.assertEqual(json.loads(answer.readline()), {"id": "0"})
        wire.wait_until(lambda: stats()["hangs"] == before["hangs"] + 1, 5, "the call to hang")
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        answer.close()
        connection.close()
        wire.wait_until(lambda: stats()["cancelled"] == before["cancelled"] + 1, 5, "the call to be cancelled")

    @unittest.skipUnless(shutil.which("curl"), "curl is not installed")
    def test_clients_of_http2_stream_and_cancel_too(self):
        before = stats()
        curl = [shutil.which("curl"), "-sSN", "--http2-prior-knowledge", "--max-time", "20"]
        base = f"http://127.0.0.1:{transcoding.running.port}"
        done = subprocess.run([*curl, f"{base}/v1/watch?count=3&pause_ms=50"], capture_output=True, timeout=30, check=True)
        self.assertEqual([json.loads(line)["id"] for line in done.stdout.splitlines()], ["0", "1", "2"])
        done = subprocess.run([*curl, "-w", "%{http_code}", f"{base}/v1/watch?code=5"], capture_output=True, timeout=30, check=True)
        self.assertTrue(done.stdout.endswith(b"404"), done.stdout)
        with subprocess.Popen([*curl, f"{base}/v1/watch?count=1&hang=true"], stdout=subprocess.PIPE) as hanging:
            self.assertTrue(hanging.stdout.readline())
            wire.wait_until(lambda: stats()["hangs"] == before["hangs"] + 1, 5, "the call to hang")
            hanging.kill()
        wire.wait_until(lambda: stats()["cancelled"] == before["cancelled"] + 1, 5, "the call to be cancelled")

    def test_compressed_streams_come_message_by_message(self):
        connection = http.client.HTTPConnection("127.0.0.1", transcoding.running.port, timeout=10)
        self.addCleanup(connection.close)
        connection.request("GET", "/zip/v1/watch?count=3&size=500&pause_ms=200", headers={"Accept-Encoding": "gzip"})
        answer = connection.getresponse()
        self.assertEqual(answer.getheader("Content-Encoding"), "gzip")
        unpack, lines, times = zlib.decompressobj(31), b"", []
        while piece := answer.read1(65536):
            lines += unpack.decompress(piece)
            times.append(time.monotonic())
        self.assertEqual(len(lines.splitlines()), 3)
        self.assertGreater(times[-1] - times[0], 0.2)
        connection.request("POST", "/zip/shop.Orders/Fail", json.dumps({"code": 5, "message": "x" * 200}),
                           {"Accept-Encoding": "gzip", "Content-Type": "application/json"})
        answer = connection.getresponse()
        self.assertEqual((answer.status, answer.getheader("Content-Type")), (404, "application/problem+json"))
        self.assertEqual(json.loads(zlib.decompress(answer.read(), 31))["grpc_status"], "NOT_FOUND")


class Broken(unittest.TestCase):
    """The service breaks gRPC's rules."""
    def way(self, name, target="/broken"):
        return ask("POST", target, {"message": name})

    def test_answers_that_are_good(self):
        for name in ("whole", "cut"):
            self.assertEqual(self.way(name)[1], {"id": name})
        answer, problem = self.way("trailers_only")
        self.assertEqual((answer.status, problem["detail"]), (404, "gone \u00e4%"))
        answer, problem = self.way("strange")
        self.assertEqual((answer.status, problem["grpc_status"]), (500, "UNKNOWN"))

    def test_answers_that_are_none(self):
        for name, words in [("compressed", "is compressed"), ("flag", "unknown flag"), ("huge", "has more than"),
                            ("short", "in the middle of a message"), ("two", "more than one message"), ("none", "without a message"),
                            ("nonsense", "cannot be written as JSON"), ("utf8", "cannot be written as JSON"), ("statusless", "without a status"), ("html", "is no gRPC"),
                            ("http503", "answered 503"), ("other", "is no gRPC")]:
            with self.subTest(name):
                answer, problem = self.way(name)
                self.assertEqual((answer.status, problem["cause"]), (502, "bad_upstream_answer"), problem)
                self.assertIn(words, problem["detail"])

    def test_answers_that_never_end(self):
        began = time.monotonic()
        answer, problem = self.way("late")
        self.assertEqual((answer.status, problem["grpc_status"]), (504, "DEADLINE_EXCEEDED"), problem)
        self.assertLess(time.monotonic() - began, 3)

    def test_answers_that_break_off(self):
        answer, problem = self.way("resets")
        self.assertEqual((answer.status, problem["grpc_status"], problem["cause"]), (503, "UNAVAILABLE", "upstream_reset"), problem)

    def lines(self, name):
        answer = transcoding.running.ask("POST", "/brokenly", JSON, json.dumps({"message": name}).encode())
        return answer, [json.loads(line) for line in answer.body.splitlines()]

    def test_streams_that_break_off_say_so(self):
        for name, status, words in [("resets", 503, "upstream_reset"), ("after", 502, "bad_upstream_answer")]:
            with self.subTest(name):
                answer, lines = self.lines(name)
                self.assertEqual((answer.status, lines[0]), (200, {"id": "0"}))
                self.assertEqual((lines[1]["error"]["status"], lines[1]["error"]["cause"]), (status, words), lines)

    def test_a_service_that_is_killed_in_a_stream(self):
        answer, lines = self.lines("dies")
        self.assertEqual((answer.status, lines[0]), (200, {"id": "0"}))
        self.assertEqual(lines[1]["error"]["grpc_status"], "UNAVAILABLE")
        wire.wait_until(lambda: self.way("whole")[0].status == 200, 15, "the service to be back")


class Reflection(unittest.TestCase):
    def test_both_versions_describe_the_service(self):
        for base in ("/told", "/told1"):
            with self.subTest(base):
                self.assertEqual(seen("GET", f"{base}/v1/orders/7?full=true"), ("Get", {"id": "7", "full": True}))
                self.assertEqual(ask("POST", f"{base}/shop.Orders/Echo", {"id": "x"})[1], {"id": "x"})

    def test_of_many_first_requests_one_asks(self):
        before = stats("/told1")["reflections"]
        with concurrent.futures.ThreadPoolExecutor(30) as clients:
            answers = list(clients.map(lambda _: ask("GET", "/crowd/v1/orders/7")[0].status, range(60)))
        self.assertEqual(answers, [200] * 60)
        self.assertLess(stats("/told1")["reflections"] - before, 10)

    def test_it_is_asked_again_and_its_last_word_holds(self):
        ask("GET", "/told/v1/orders/7")
        before = stats("/told")["reflections"]
        wire.wait_until(lambda: stats("/told")["reflections"] > before, 5, "another question")
        (transcoding.running.folder / "dumb").touch()
        try:
            for _ in range(6):
                self.assertEqual(ask("GET", "/told/v1/orders/7")[0].status, 200)
                time.sleep(0.4)
        finally:
            (transcoding.running.folder / "dumb").unlink()

    def test_a_service_that_does_not_tell(self):
        answer, problem = ask("GET", "/mute/v1/orders/7")
        self.assertEqual((answer.status, problem["cause"]), (503, "policy_unavailable"))
        self.assertIn("it has no server reflection", problem["detail"])
        answer, problem = ask("GET", "/dead/x")
        self.assertEqual((answer.status, problem["cause"]), (503, "policy_unavailable"))


if __name__ == "__main__":
    unittest.main()
