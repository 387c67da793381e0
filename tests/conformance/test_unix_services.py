# deadline: 60
"""Services that others run behind a Unix socket (address: unix:/PATH): routed to and probed like any other."""
import hashlib
import http.server
import os
import pathlib
import socketserver
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.request

import system

MANIFEST = """system: unix
telemetry: { access_log: none }
gateway:
  listen: <port>
  routes: [{ path: /*, to: users }]
contexts:
  people:
    users: { address: "unix:<path>", health: { http: /healthz, interval: 50ms } }
"""


class Handler(http.server.BaseHTTPRequestHandler):  # a connection for each request, so that its end is one
    def do_GET(self):
        self.answer(b"hello from " + self.path.encode())

    def do_POST(self):
        self.answer(hashlib.sha256(self.rfile.read(int(self.headers["Content-Length"]))).hexdigest().encode())

    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self):
        return "unix"

    def log_message(self, *_):
        pass


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


class UnixServices(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="trunkline-unix-")
        self.addCleanup(folder.cleanup)
        self.path = pathlib.Path(folder.name) / "users.sock"
        self.server = None
        self.addCleanup(self.end_service)
        self.begin_service()
        self.system = system.System(MANIFEST, path=self.path).start()
        self.addCleanup(self.system.stop)
        self.wait_for(200)

    def begin_service(self):
        self.server = Server(str(self.path), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def end_service(self):
        if self.server:
            self.server.shutdown()
            self.server.server_close()
            os.unlink(self.path)
            self.server = None

    def ask(self, path, body=None):
        """(status, body) through the gateway."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.system.port}{path}", body, timeout=10) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def wait_for(self, *status):
        end = time.monotonic() + 10
        while (seen := self.ask("/")[0]) not in status:
            self.assertLess(time.monotonic(), end, f"the last status was {seen}")
            time.sleep(0.02)

    def test_requests_and_large_bodies_pass(self):
        self.assertEqual(self.ask("/a?b=c"), (200, b"hello from /a?b=c"))
        body = os.urandom(5_000_000)
        self.assertEqual(self.ask("/", body), (200, hashlib.sha256(body).hexdigest().encode()))

    def test_its_end_is_seen_by_the_probes_and_so_is_its_return(self):
        self.end_service()
        self.wait_for(502, 503)
        self.begin_service()
        self.wait_for(200)

    def test_status_shows_where_it_is(self):
        done = system.run("services", cwd=self.system.folder)
        self.assertIn(str(self.path), done.stdout)
        self.assertIn("external", done.stdout)


if __name__ == "__main__":
    unittest.main()
