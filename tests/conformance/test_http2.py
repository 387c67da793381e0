# deadline: 240
"""HTTP/2 with clients that everybody uses (Node, curl, h2spec), in all four pairings of versions."""
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import threading
import unittest

import system
import wire

HERE = pathlib.Path(__file__).resolve().parent
KIT_SERVICE = HERE.parent / "kit/service.py"
NODE = shutil.which("node")
CURL = shutil.which("curl")

MANIFEST = """
system: versions
telemetry: { access_log: none }
grace: 5s
gateway:
  listen: <port>
  threads: 1
  limits: { body: 64MB }
  routes:
    - { path: /two/*, to: two, rewrite: /* }
    - { path: /one/*, to: one, rewrite: /* }
contexts:
  test:
    one: { run: "<python> <one>", health: /healthz }
    <two_service>
"""
TWO = 'two: { run: "<node> <two>", protocol: http2, health: /healthz }'


def setUpModule():
    global running
    text = MANIFEST.replace("<two_service>", TWO if NODE else 'two: { address: "127.0.0.1:9", health: { none: true } }')
    running = system.System(text, node=NODE, one=KIT_SERVICE, two=HERE / "http2_service.js").start()
    unittest.addModuleCleanup(running.stop)


def node(scenario, to):
    done = subprocess.run([NODE, str(HERE / "http2_client.js"), str(running.port), scenario, to],
                          capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


@unittest.skipUnless(NODE, "node is not installed")
class NodeClient(unittest.TestCase):
    def test_a_hundred_requests_share_a_connection(self):
        for service in ("/one", "/two"):
            with self.subTest(service):
                self.assertEqual(node("many", service), [200] * 100)

    def test_large_bodies_arrive_whole_both_ways(self):
        for service in ("/one", "/two"):
            with self.subTest(service):
                told = node("bodies", service)
                self.assertEqual(told["up"]["sha256"], told["sent"])
                self.assertEqual(told["again"]["sha256"], told["sent"])
                self.assertEqual((told["bytes"], told["sha256"]), (10_000_000, told["expected"]))

    def test_trailers_pass_both_ways_and_alone(self):
        told = node("trailers", "/two")
        self.assertEqual(told["down"]["x-sum"], "42")
        self.assertEqual(told["up"], {"x-mine": "1"})
        self.assertEqual(told["only"]["grpc-status"], "5")
        self.assertNotIn("content-length", told["only"])

    def test_informational_answers_pass(self):
        self.assertEqual(node("early", "/two"), {"early": [103], "status": 200})

    def test_a_head_request_has_no_body(self):
        for service in ("/one", "/two"):
            with self.subTest(service):
                self.assertEqual(node("head", service), {"status": 200, "bytes": 0})

    def test_a_cancelled_request_is_cancelled_at_the_service(self):
        self.assertGreaterEqual(node("cancel", "/two")["hung"], 1)

    def test_a_service_that_drains_or_refuses_loses_no_request(self):
        self.assertEqual(set(node("goaway", "/two")), {200})

    def test_an_answer_that_breaks_off_is_reset(self):
        told = node("reset", "/two")
        self.assertEqual((told["status"], told["text"]), (200, "half"))
        self.assertNotEqual(told["code"], 0)

    def test_websockets_pass_to_either_version(self):
        for service in ("/one", "/two"):
            with self.subTest(service):
                told = node("websocket", service)
                self.assertEqual(told["status"], 200)
                self.assertTrue(told["hello"], told)
                self.assertNotIn("accept", told)


@unittest.skipUnless(NODE, "node is not installed")
class Http1Client(unittest.TestCase):
    """Clients of HTTP/1 in front of a service that speaks HTTP/2 only."""
    def test_a_request_is_answered(self):
        seen = running.ask("GET", "/two/echo?x=1", {"Cookie": "a=1", "TE": "trailers"}).json()["headers"]
        self.assertEqual((seen[":path"], seen[":method"], seen[":authority"]), ("/echo?x=1", "GET", "conform.test"))
        self.assertEqual((seen["cookie"], seen["te"]), ("a=1", "trailers"))
        self.assertNotIn("host", seen)

    def test_bodies_with_and_without_a_length(self):
        body = os.urandom(3_000_000)
        want = hashlib.sha256(body).hexdigest()
        self.assertEqual(running.ask("POST", "/two/body", body=body).json()["sha256"], want)
        with running.client() as client:
            client.send("POST /two/body HTTP/1.1\r\nHost: conform.test\r\nTransfer-Encoding: chunked\r\n\r\n")
            client.send(b"%x\r\n%b\r\n0\r\nX-Mine: 1\r\n\r\n" % (len(body), body))
            told = client.response().json()
        self.assertEqual((told["sha256"], told["trailers"]), (want, {"x-mine": "1"}))
        answer = running.ask("GET", "/two/big?bytes=5000000")
        self.assertEqual(hashlib.sha256(answer.body).hexdigest(), answer.headers.get("x-sha256"))

    def test_trailers_and_informational_answers_come_out_as_http_1(self):
        answer = running.ask("GET", "/two/trailers")
        self.assertEqual((answer.body, answer.trailers.get("x-sum")), (b"with trailers", "42"))
        with running.client() as client:
            client.request("GET", "/two/early")
            answer = client.response()
        self.assertEqual([status for status, _ in answer.informational], [103])

    def test_an_upgrade_becomes_an_extended_connect(self):
        with running.client() as client:
            client.send("GET /two/ws HTTP/1.1\r\nHost: conform.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")
            answer = client.response()
            self.assertEqual(answer.status, 101)
            self.assertEqual(answer.headers.get("sec-websocket-accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
            client.send(b"to and fro")
            self.assertEqual(client.exactly(10), b"to and fro")

    def test_many_threads_share_few_connections(self):
        failures = []

        def ask():
            for _ in range(20):
                answer = running.ask("GET", "/two/echo")
                if answer.status != 200:
                    failures.append(answer)
        threads = [threading.Thread(target=ask) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])


class Curl(unittest.TestCase):
    def setUp(self):
        version = subprocess.run([CURL, "--version"], capture_output=True, text=True, check=False).stdout if CURL else ""
        if "HTTP2" not in version:
            self.skipTest("there is no curl with HTTP/2")

    def curl(self, *arguments):
        done = subprocess.run([CURL, "-s", "--max-time", "20", "--http2-prior-knowledge", *map(str, arguments)],
                              capture_output=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_prior_knowledge(self):
        told = self.curl("-o", "/dev/null", "-w", "%{http_version} %{http_code}",
                         f"http://127.0.0.1:{running.port}/one/echo")
        self.assertEqual(told, b"2 200")

    def test_an_upload(self):
        with tempfile.NamedTemporaryFile() as file:
            file.write(body := os.urandom(2_000_000))
            file.flush()
            told = self.curl("--data-binary", f"@{file.name}", f"http://127.0.0.1:{running.port}/one/body")
        self.assertEqual(json.loads(told)["sha256"], hashlib.sha256(body).hexdigest())

    def test_what_is_refused_says_why(self):
        told = json.loads(self.curl(f"http://127.0.0.1:{running.port}/nowhere"))
        self.assertEqual(told["cause"], "no_route")


# h2spec sends a fault behind a request that is whole or has begun. A service that has answered by then makes it come too
# late: the stream is over, and h2spec waits for an error that nobody owes it. So the answer takes its time.
SLOWLY = "/one/slow?ms=150"


def find_h2spec():
    """On the path, in a Go folder, or built here once by go through the module proxy."""
    for place in (shutil.which("h2spec"), os.environ.get("H2SPEC"), pathlib.Path.home() / "go/bin/h2spec"):
        if place and os.access(place, os.X_OK):
            return str(place)
    go = shutil.which("go")
    if go is None:
        return None
    target = system.ROOT / "build/tools/h2spec"
    if not target.exists():
        with tempfile.TemporaryDirectory() as folder:
            for command in (["mod", "init", "conformance"],
                            ["get", "github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible"],
                            ["build", "-o", str(target), "github.com/summerwind/h2spec/cmd/h2spec"]):
                done = subprocess.run([go, *command], cwd=folder, capture_output=True, timeout=120, check=False)
                if done.returncode != 0:
                    return None
    return str(target)


class H2spec(unittest.TestCase):
    def test_it_passes_whole(self):
        program = find_h2spec()
        if program is None:
            self.skipTest("there is no h2spec, and go could not build it")
        done = subprocess.run([program, "-h", "127.0.0.1", "-p", str(running.port), "-P", SLOWLY],
                              capture_output=True, text=True, timeout=180, check=False)
        summary = done.stdout.strip().splitlines()[-1] if done.stdout.strip() else done.stderr
        print(f"h2spec: {summary}")
        self.assertEqual(done.returncode, 0, done.stdout[-4000:])
        self.assertIn(" 0 failed", summary)
        wire.wait_until(lambda: running.ask("GET", "/one/echo").status == 200, what="the gateway after h2spec")


if __name__ == "__main__":
    unittest.main()
