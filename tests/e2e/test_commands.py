"""The commands against a real running system of two small services: what a user types, sees and gets as exit code."""
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TRUNKLINE = pathlib.Path(os.environ.get("TRUNKLINE", ROOT / "build" / "release" / "bin" / "trunkline"))

SERVER = """
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "6")
        self.end_headers()
        self.wfile.write(b"hello\\n")
    def log_message(self, form, *args):
        print(form % args, flush=True)
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""

MANIFEST = """
system: small
gateway:
  listen: 127.0.0.1:{port}
  routes:
    - {{ path: /api/orders/*, to: orders }}
contexts:
  ordering:
    orders:
      run: {python} server.py
      health: /healthz
      replicas: 2
    mail:
      run: {python} server.py
      health: /healthz
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class CommandsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="tl-commands-")
        cls.home = pathlib.Path(cls.folder.name)
        cls.port = free_port()
        (cls.home / "server.py").write_text(SERVER)
        cls.write_manifest()
        cls.log = open(cls.home / "up.log", "w")
        cls.up = subprocess.Popen([TRUNKLINE, "up"], cwd=cls.home, stdout=cls.log, stderr=cls.log)
        end = time.monotonic() + 20
        while time.monotonic() < end:
            status = cls.command("status", "--json")
            if status.returncode == 0 and all(s["state"] == "healthy" for s in json.loads(status.stdout)["services"]):
                return
            time.sleep(0.1)
        cls.tearDownClass()
        raise AssertionError("the system did not get healthy: " + (status.stdout + status.stderr)[-2000:])

    @classmethod
    def tearDownClass(cls):
        if cls.up.poll() is None:
            cls.up.send_signal(signal.SIGINT)
            try:
                cls.up.wait(20)
            except subprocess.TimeoutExpired:
                cls.up.kill()
                cls.up.wait()
        cls.log.close()
        cls.folder.cleanup()

    @classmethod
    def write_manifest(cls, before="", after=""):
        text = MANIFEST.format(port=cls.port, python=sys.executable)
        (cls.home / "trunkline.yaml").write_text(text.replace(before, after) if before else text)

    @classmethod
    def command(cls, *words):
        return subprocess.run([TRUNKLINE, *words], cwd=cls.home, capture_output=True, text=True, timeout=60)

    def request(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request("GET", "/api/orders/7")
        response = connection.getresponse()
        response.read()
        connection.close()
        return response

    def assert_alive(self):
        self.assertIsNone(self.up.poll(), "Trunkline must go on")
        self.assertEqual(self.command("status").returncode, 0)

    def test_tables_have_no_colours_when_piped_and_json_is_json(self):
        for name in ("status", "services", "routes"):
            plain = self.command(name)
            self.assertEqual(plain.returncode, 0, plain.stderr)
            self.assertIn("orders", plain.stdout)
            self.assertNotIn("\x1b", plain.stdout)
            self.assertIn("\x1b[", self.command(name, "--color", "always").stdout)
            json.loads(self.command(name, "--json").stdout)

    def test_why_tells_of_a_request_by_the_start_of_its_trace_id(self):
        trace = self.request().headers["X-Trace-Id"]
        end = time.monotonic() + 5
        while (told := self.command("why", trace[:12])).returncode != 0 and time.monotonic() < end:
            time.sleep(0.05)
        self.assertEqual(told.returncode, 0, told.stderr)
        self.assertIn("/api/orders/7", told.stdout)
        self.assertEqual(json.loads(self.command("why", trace, "--json").stdout)["trace"], trace)
        self.assertEqual(self.command("why", "f" * 32).returncode, 1)
        self.assertEqual(self.command("why", "xyz").returncode, 1)

    def test_a_reader_of_logs_that_goes_away_harms_nobody(self):
        for _ in range(3):
            with subprocess.Popen([TRUNKLINE, "logs", "-f", "--tail", "1"], cwd=self.home, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE) as follow:
                self.request()
                self.assertTrue(follow.stdout.readline())
                follow.send_signal(signal.SIGINT)
                follow.communicate(timeout=10)
                self.assertEqual(follow.returncode, 0, "Ctrl-C is the ordinary end")
            self.assert_alive()
        with subprocess.Popen([TRUNKLINE, "logs", "-f"], cwd=self.home, stdout=subprocess.PIPE) as follow:
            follow.stdout.readline()
            follow.kill()
        self.assert_alive()

    def test_restart_is_rolling_and_names_are_corrected(self):
        def pids():
            services = json.loads(self.command("services", "orders", "--json").stdout)["services"]
            return {i["pid"] for i in services[0]["instances"] if i["state"] == "healthy"}
        before = pids()
        restarted = self.command("restart", "orders")
        self.assertEqual(restarted.returncode, 0, restarted.stderr)
        self.assertFalse(before & pids())
        wrong = self.command("restart", "ordres")
        self.assertEqual(wrong.returncode, 1)
        self.assertIn('did you mean "orders"?', wrong.stderr)
        self.assertEqual(self.command("logs", "mial").returncode, 1)

    def test_plan_shows_and_apply_does_and_mistakes_change_nothing(self):
        self.addCleanup(self.command, "apply")
        self.addCleanup(self.write_manifest)
        self.assertIn("Nothing would change", self.command("plan").stdout)
        self.write_manifest("replicas: 2", "replicas: 1")
        self.assertRegex(self.command("plan").stdout, r"scale +service +orders")
        applied = self.command("apply")
        self.assertEqual(applied.returncode, 0, applied.stderr)
        self.assertIn("Nothing would change", self.command("plan").stdout)
        self.write_manifest("replicas", "replcas")
        for name in ("check", "plan", "apply"):
            refused = self.command(name)
            self.assertEqual(refused.returncode, 2, name)
            self.assertIn('did you mean "replicas"?', refused.stdout + refused.stderr)
        self.assert_alive()

    def test_the_state_folder_and_the_socket_are_private(self):
        state = self.home / ".trunkline"
        self.assertEqual(state.stat().st_mode & 0o777, 0o700)
        self.assertEqual((state / "admin.sock").stat().st_mode & 0o777, 0o600)

    def test_a_second_up_of_the_same_folder_is_refused(self):
        second = self.command("up")
        self.assertNotEqual(second.returncode, 0)
        self.assert_alive()


class StopTest(unittest.TestCase):
    def test_stop_ends_everything_and_then_nothing_runs(self):
        with tempfile.TemporaryDirectory(prefix="tl-stop-") as folder:
            home = pathlib.Path(folder)
            (home / "server.py").write_text(SERVER)
            (home / "trunkline.yaml").write_text(MANIFEST.format(port=free_port(), python=sys.executable))
            command = lambda *words: subprocess.run([TRUNKLINE, *words], cwd=home, capture_output=True, text=True,
                                                    timeout=60)
            self.assertEqual(command("stop").returncode, 3)
            with open(home / "up.log", "w") as log, subprocess.Popen([TRUNKLINE, "up"], cwd=home, stdout=log,
                                                                      stderr=log) as up:
                end = time.monotonic() + 20
                while (status := command("services", "--json")).returncode != 0 and time.monotonic() < end:
                    time.sleep(0.05)
                pids = [i["pid"] for s in json.loads(status.stdout)["services"] for i in s["instances"] if i["pid"]]
                self.assertEqual(command("stop").returncode, 0)
                self.assertEqual(up.wait(10), 0)
            for pid in pids:
                self.assertFalse(pathlib.Path(f"/proc/{pid}").exists(), pid)
            self.assertEqual(command("status").returncode, 3)
            self.assertFalse((home / ".trunkline" / "admin.sock").exists())


if __name__ == "__main__":
    unittest.main()
