# deadline: 120
"""Server-sent events: each event arrives at once, over HTTP/1 and HTTP/2, through the gateway and from service to service."""
import pathlib
import shutil
import subprocess
import time
import unittest

import system
import wire

CURL = shutil.which("curl")
KIT_SERVICE = pathlib.Path(__file__).resolve().parents[1] / "kit/service.py"
MANIFEST = """
system: events
telemetry: { access_log: none }
grace: 5s
gateway:
  listen: <port>
  threads: 1
  routes:
    - { path: /*, to: events }
contexts:
  test:
    events: { run: "<python> <kit>", health: /healthz }
    reader: { run: "echo $EVENTS_URL > url; exec <python> <kit>", health: /healthz, calls: [events] }
"""
PIECES, SECONDS = 4, 1.6


@unittest.skipUnless(CURL, "curl is not installed")
class Events(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.running = system.System(MANIFEST, kit=KIT_SERVICE).start()
        cls.addClassCleanup(cls.running.stop)

    def read(self, base, version):
        """When each line of a stream arrived, from the first on."""
        with subprocess.Popen([CURL, "-sSN", version, "--max-time", "30",
                               f"{base}/stream?pieces={PIECES}&seconds={SECONDS}&n=7"], stdout=subprocess.PIPE) as curl:
            arrived = [(line, time.monotonic()) for line in curl.stdout]
            self.assertEqual(curl.wait(10), 0)
        self.assertEqual([line for line, _ in arrived], [b"7 %d of %d\n" % (i, PIECES) for i in range(PIECES)])
        return [at - arrived[0][1] for _, at in arrived]

    def test_each_event_arrives_at_once(self):
        url = self.running.folder / "url"
        wire.wait_until(url.exists, 5, "the service's environment")
        doors = {"gateway": f"http://127.0.0.1:{self.running.port}", "sidecar": url.read_text(encoding="utf-8").strip()}
        for door, base in doors.items():
            for version in ("--http1.1", "--http2-prior-knowledge"):
                with self.subTest(door=door, version=version):
                    times = self.read(base, version)
                    # Held back, they would all come together at the end.
                    self.assertGreater(times[-1], SECONDS / 2, times)


if __name__ == "__main__":
    unittest.main()
