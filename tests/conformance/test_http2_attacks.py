# serial
# deadline: 150
"""Clients that use HTTP/2 as a weapon, while a good one goes on: each is told to calm down, counted and named."""
import re
import socket
import threading
import time
import unittest

import system
import wire
from h2_attacks import ATTACKS, attack
from h2_frames import ENHANCE_YOUR_CALM

MANIFEST = """
system: besieged
telemetry: { access_log: none }
gateway:
  listen: <port>
  threads: 1
  routes:
    - { path: /*, to: backend }
contexts:
  test:
    backend: { address: "127.0.0.1:<backend>" }
"""


class GoodClient(threading.Thread):
    """One request after the other on one connection; how long each took."""
    def __init__(self, port):
        super().__init__()
        self.port, self.times, self.failures = port, [], []
        self.enough = threading.Event()

    def run(self):
        with wire.Client(self.port) as client:
            while not self.enough.is_set():
                start = time.monotonic()
                try:
                    answer = client.ask("GET", "/good")
                    if answer.status != 200:
                        self.failures.append(answer)
                except OSError as error:
                    self.failures.append(error)
                    return
                self.times.append(time.monotonic() - start)

    def finish(self):
        self.enough.set()
        self.join()
        self.times.sort()
        return self.times[int(len(self.times) * 0.99)] if self.times else None


class Attacks(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        backend = wire.Backend()
        cls.addClassCleanup(backend.close)
        backend.on("/good", lambda exchange: exchange.reply(200, b"good"))
        cls.patience = threading.Event()
        backend.on("/slow", lambda exchange: cls.patience.wait(5))
        cls.running = system.System(MANIFEST, backend=backend.port).start()
        cls.addClassCleanup(cls.running.stop)
        cls.addClassCleanup(cls.patience.set)

    def metrics(self):
        with socket.socket(socket.AF_UNIX) as admin:
            admin.settimeout(10)
            admin.connect(str(self.running.folder / ".trunkline/admin.sock"))
            admin.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return admin.makefile("rb").read().decode()

    def counted(self, reason):
        page = self.metrics()
        found = re.search(rf'trunkline_http2_abuse_total{{door="gateway",reason="{reason}"}} (\d+)', page)
        self.assertIsNotNone(found, page[-2000:])
        return int(found[1])

    def test_each_attack_ends_by_enhance_your_calm_and_is_counted(self):
        for reason in ATTACKS:
            with self.subTest(reason):
                before = self.counted(reason)
                self.assertEqual(attack(self.running.port, reason), ENHANCE_YOUR_CALM)
                self.assertEqual(self.counted(reason), before + 1)
        self.assertIn("an HTTP/2 connection of 127.0.0.1", self.running.output())

    def test_a_good_client_goes_on_meanwhile(self):
        quiet = GoodClient(self.running.port)
        quiet.start()
        time.sleep(1)
        calm = quiet.finish()
        stop = threading.Event()

        def besiege(reason):
            while not stop.is_set():
                attack(self.running.port, reason)
        besiegers = [threading.Thread(target=besiege, args=(reason,)) for reason in ("rapid_reset", "continuations")]
        good = GoodClient(self.running.port)
        good.start()
        for besieger in besiegers:
            besieger.start()
        time.sleep(2)
        besieged = good.finish()
        stop.set()
        for besieger in besiegers:
            besieger.join()
        print(f"p99 of a good client: {calm * 1e3:.1f} ms alone, {besieged * 1e3:.1f} ms beside two attackers")
        self.assertEqual(good.failures, [])
        self.assertLess(besieged, 0.5)


if __name__ == "__main__":
    unittest.main()
