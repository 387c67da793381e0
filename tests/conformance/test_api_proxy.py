# deadline: 60
"""An API that others run, re-exposed: which Host it gets, and what of the client's request it sees."""
import http.server
import json
import pathlib
import ssl
import sys
import tempfile
import threading
import unittest

import system

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from kit import certificates  # noqa: E402

MANIFEST = """system: weather
telemetry: { access_log: none }
gateway:
  listen: <port>
  policies: { auth: api_key, limit: 3/h by api_key }
  routes:
    - { path: /named/*, to: named, rewrite: /* }
    - { path: /clients/*, to: clients, rewrite: /* }
    - { path: /other/*, to: other, rewrite: /* }
    - { path: /address/*, to: address, rewrite: /* }
contexts:
  outside:
    named: { address: "https://localhost:<there>", tls: { ca: <ca> } }
    clients: { address: "https://localhost:<there>", tls: { ca: <ca> }, host: client }
    other: { address: "https://localhost:<there>", tls: { ca: <ca> }, host: "api.weather.example:8443" }
    address: { address: "https://127.0.0.1:<there>", tls: { ca: <ca> } }
"""


class Api(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = json.dumps({name.lower(): value for name, value in self.headers.items()}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@unittest.skipUnless(certificates.available(), "the openssl command is not installed")
class ApiProxy(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="trunkline-api-")
        cls.addClassCleanup(folder.cleanup)
        authority = certificates.Authority(folder.name)
        cert, key = authority.sign("api", "localhost", "127.0.0.1")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        cls.api = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Api)
        cls.api.socket = context.wrap_socket(cls.api.socket, server_side=True)
        cls.there = cls.api.server_address[1]
        threading.Thread(target=cls.api.serve_forever, daemon=True).start()
        cls.addClassCleanup(cls.api.shutdown)
        cls.system = system.System(MANIFEST, there=cls.there, ca=authority.pem).start()
        cls.addClassCleanup(cls.system.stop)

    def key(self):
        done = self.system.cli("keys", "create", self.id().rsplit(".", 1)[1].replace("_", "-"), "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)["key"]

    def seen(self, path, key):
        answer = self.system.ask("GET", path, [("X-API-Key", key)], host="weather.shop.example")
        self.assertEqual(answer.status, 200, answer.body)
        return json.loads(answer.body)

    def test_host_is_what_the_api_is_called(self):
        key, hosts = self.key(), {}
        for name in ("named", "clients", "other"):
            seen = self.seen(f"/{name}/today", key)
            hosts[name] = seen["host"]
            self.assertEqual(seen["x-forwarded-host"], "weather.shop.example")
            self.assertNotIn("x-api-key", seen)
        self.assertEqual(hosts, {"named": f"localhost:{self.there}", "clients": "weather.shop.example",
                                 "other": "api.weather.example:8443"})

    def test_an_ip_is_no_name(self):
        self.assertEqual(self.seen("/address/today", self.key())["host"], "weather.shop.example")

    def test_it_has_keys_and_limits(self):
        self.assertEqual(self.system.ask("GET", "/named/x").status, 401)
        key = self.key()
        for _ in range(3):
            self.seen("/named/x", key)
        self.assertEqual(self.system.ask("GET", "/named/x", [("X-API-Key", key)]).status, 429)

    def test_a_host_that_is_none_is_found(self):
        text = self.system.manifest.read_text().replace("host: client", "host: https://a.example/")
        (self.system.folder / "wrong.yaml").write_text(text)
        done = self.system.cli("check", "--manifest", "wrong.yaml")
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stdout + done.stderr, r"wrong\.yaml:\d+:\d+: error: .*write \"client\" or a name such as api.example")


if __name__ == "__main__":
    unittest.main()
