# deadline: 60
"""The disk is full: Trunkline goes on serving, and so do its commands."""
import os
import pathlib
import subprocess
import tempfile
import time
import unittest

from kit import processes, system
from kit.load import Load


@unittest.skipUnless(os.geteuid() == 0, "needs root, to mount a small tmpfs")
class DiskFull(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="trunkline-kit-", ignore_cleanup_errors=True)
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder.name], capture_output=True,
                                 text=True, check=False)
        if mounted.returncode != 0:
            self.skipTest(f"cannot mount a tmpfs: {mounted.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", "-l", folder.name], check=False)

    def fill(self):
        """Not a byte is free."""
        with open(self.folder / "ballast", "wb", buffering=0) as ballast:
            for size in (65536, 4096, 1):
                try:
                    while ballast.write(b"x" * size) == size:
                        pass
                except OSError:
                    pass
        stat = os.statvfs(self.folder)
        self.assertEqual(stat.f_bavail, 0)

    def test_it_goes_on_serving_and_obeys(self):
        text = system.manifest(system.service(env={"FLOOD": "1"})).replace(
            "telemetry: { access_log: none }", "telemetry: { access_log: json, access_file: access.log }")
        with system.System(text, folder=self.folder).start() as kit:
            self.assertEqual(kit.get("/echo")[0], 200)
            self.fill()
            with Load(kit.port) as load:
                load.getters(4).posters(1).streamers(1).websockets(1)
                time.sleep(1.0)
                os.kill(system.service_pid(kit.instances("echo")[0]), 9)
                time.sleep(0.5)
                code, out, err = kit.run("restart", "echo")
                self.assertEqual(code, 0, out + err)
            report = load.report(killed=set(load.result.by_pid))
            print(report)
            self.assertEqual(report.failed("get"), [], report)
            self.assertGreater(report.ok["get"], 100)
            self.assertEqual(kit.cli("status")["system"], "kit")
            kit.stop()

    def test_a_start_on_a_full_disk_fails_with_a_sentence_or_works(self):
        with system.System(system.manifest(), folder=self.folder) as kit:
            self.fill()
            kit.log = pathlib.Path(tempfile.mkstemp(prefix="trunkline-kit-")[1])
            self.addCleanup(kit.log.unlink)
            kit.start(ready=False)
            processes.wait_until(lambda: kit.process.poll() is not None or processes.accepts(kit.port), 10, "a decision")
            if kit.process.poll() is None:
                kit.wait_ready()
                kit.stop()
            else:
                self.assertEqual(kit.process.returncode, 1, kit.said())
                self.assertIn("No space left", kit.said())
                self.assertEqual(processes.marked(kit.marker), {})


if __name__ == "__main__":
    unittest.main()
