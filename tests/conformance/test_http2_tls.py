#!/usr/bin/env python3
# deadline: 240
"""HTTP/2 under TLS: agreed on by ALPN with clients, and with services that say `protocol: http2`."""
import json
import os
import pathlib
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import unittest

import h2_frames
import system
import test_http2
import wire

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from kit import certificates  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
CURL, NODE = shutil.which("curl"), shutil.which("node")

MANIFEST = """
system: agreed
telemetry: { access_log: none }
grace: 5s
gateway:
  listen: [<port>, "http://127.0.0.1:<plain>"]
  tls: { cert: <certs>/gateway.pem, key: <certs>/gateway.key }
  routes:
    - { path: /one/*, to: one, rewrite: /* }
    - { path: /two/*, to: two, rewrite: /* }
    - { path: /older/*, to: older, rewrite: /* }
contexts:
  test:
    one: { run: "<python> <one>", health: /healthz }
    two: { address: "https://localhost:<two>", tls: { ca: <certs>/ca.pem }, protocol: http2, health: { http: /healthz } }
    older: { address: "https://localhost:<older>", tls: { ca: <certs>/ca.pem }, protocol: http2, health: { none: true } }
"""


@unittest.skipUnless(certificates.available() and NODE, "openssl or node is not installed")
class Http2OverTls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory(prefix="trunkline-h2-tls-")
        cls.addClassCleanup(cls.scratch.cleanup)
        certs = pathlib.Path(cls.scratch.name)
        cls.authority = certificates.Authority(certs)
        cls.authority.sign("gateway", "gateway.test", "127.0.0.1")
        pem, key = cls.authority.sign("service", "localhost")
        cls.two, cls.older, cls.plain = system.free_port(), system.free_port(), system.free_port()
        cls.begin([NODE, HERE / "http2_service.js"], {"PORT": str(cls.two), "TLS_CERT": str(pem), "TLS_KEY": str(key)})
        # Speaks TLS, but nothing of HTTP/2.
        cls.begin(["openssl", "s_server", "-accept", cls.older, "-cert", pem, "-key", key, "-alpn", "http/1.1", "-www"], {})
        for port in (cls.two, cls.older):
            wire.wait_until(lambda port=port: cls.listens(port), 10, f"port {port}")
        cls.running = system.System(MANIFEST, certs=certs, plain=cls.plain, two=cls.two, older=cls.older,
                                    one=test_http2.KIT_SERVICE).start()
        cls.addClassCleanup(cls.running.stop)

    @classmethod
    def begin(cls, command, env):
        child = subprocess.Popen([str(part) for part in command], env={**os.environ, **env}, stdin=subprocess.DEVNULL,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        cls.addClassCleanup(child.wait)
        cls.addClassCleanup(child.kill)

    @staticmethod
    def listens(port):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    def connect(self, *offered):
        context = ssl.create_default_context(cafile=str(self.authority.pem))
        context.set_alpn_protocols(offered)
        raw = socket.create_connection(("127.0.0.1", self.running.port), 10)
        self.addCleanup(raw.close)
        made = context.wrap_socket(raw, server_hostname="gateway.test")
        self.addCleanup(made.close)
        return made

    def curl(self, path, *arguments):
        done = subprocess.run([CURL, "-s", "--max-time", "20", "--cacert", str(self.authority.pem), "-w",
                               "\n%{http_version} %{http_code}", *map(str, arguments),
                               f"https://127.0.0.1:{self.running.port}{path}"], capture_output=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        body, _, told = done.stdout.rpartition(b"\n")
        return body, told.decode()

    @unittest.skipUnless(CURL, "curl is not installed")
    def test_curl_agrees_on_it_and_the_service_learns_of_tls(self):
        body, told = self.curl("/one/echo")
        self.assertEqual(told, "2 200")
        self.assertEqual({k.lower(): v for k, v in json.loads(body)["headers"].items()}["x-forwarded-proto"], "https")
        self.assertEqual(self.curl("/one/echo", "--http1.1")[1], "1.1 200")

    @unittest.skipUnless(CURL, "curl is not installed")
    def test_a_service_is_asked_in_http_2_under_tls(self):
        for version in ("--http1.1", "--http2"):
            body, told = self.curl("/two/echo", version)
            self.assertTrue(told.endswith(" 200"), told)
            seen = json.loads(body)
            self.assertEqual((seen["version"], seen["headers"][":scheme"]), (2, "https"))

    @unittest.skipUnless(CURL, "curl is not installed")
    def test_large_bodies_arrive_whole(self):
        with tempfile.NamedTemporaryFile() as file:
            file.write(os.urandom(3_000_000))
            file.flush()
            for service in ("/one", "/two"):
                body, _ = self.curl(f"{service}/body", "--http2", "--data-binary", f"@{file.name}")
                self.assertEqual(json.loads(body)["length"], 3_000_000)
        body, _ = self.curl("/two/big?bytes=5000000", "--http2")
        self.assertEqual(body, b"0123456789abcdef" * (5_000_000 // 16))

    @unittest.skipUnless(CURL, "curl is not installed")
    def test_a_service_that_does_not_take_it_is_told_apart(self):
        body, told = self.curl("/older/")
        self.assertEqual(told, "2 502")
        self.assertEqual(json.loads(body)["cause"], "upstream_tls")

    def test_the_choice_of_alpn_decides_not_the_first_bytes(self):
        client = self.connect("http/1.1")
        self.assertEqual(client.selected_alpn_protocol(), "http/1.1")
        client.sendall(h2_frames.PREFACE)
        answer = client.recv(100)
        self.assertTrue(answer.startswith(b"HTTP/1.1 4") or answer.startswith(b"HTTP/1.1 5"), answer)
        client = self.connect("http/1.1", "h2")
        self.assertEqual(client.selected_alpn_protocol(), "h2")
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertNotIn(b"HTTP/1.1", client.recv(100))

    def test_h2spec_passes_here_too(self):
        program = test_http2.find_h2spec()
        if program is None:
            self.skipTest("there is no h2spec, and go could not build it")
        done = subprocess.run([program, "-t", "-k", "-h", "127.0.0.1", "-p", str(self.running.port), "-P",
                               test_http2.SLOWLY],
                              capture_output=True, text=True, timeout=180, check=False)
        summary = done.stdout.strip().splitlines()[-1] if done.stdout.strip() else done.stderr
        print(f"h2spec over TLS: {summary}")
        self.assertEqual(done.returncode, 0, done.stdout[-4000:])
        self.assertIn(" 0 failed", summary)


if __name__ == "__main__":
    unittest.main()
