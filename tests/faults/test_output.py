# deadline: 60
"""Standard output that nobody reads, or that is closed: not a reason to stop serving."""
import fcntl
import os
import pty
import signal
import subprocess
import termios
import time
import unittest

from kit import processes, system
from kit.load import Load


class Output(unittest.TestCase):
    def start(self, kit):
        """`trunkline up` with its output in a pipe; the reading end."""
        kit.process = subprocess.Popen([system.BIN, "up", "--manifest", str(kit.file)], cwd=kit.folder,
                                       env=kit.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                       stderr=subprocess.STDOUT, start_new_session=True)
        self.addCleanup(kit.process.stdout.close)
        kit.wait_ready()

    def check_serves(self, kit):
        with Load(kit.port) as load:
            load.getters(4, pace=0.002).streamers(1)
            time.sleep(1.2)
            code, out, err = kit.run("restart", "echo", seconds=20)
            self.assertEqual(code, 0, out + err)
        report = load.report()
        print(report)
        self.assertEqual(report.failures, [], report)
        self.assertGreater(report.ok["get"], 300)

    def test_a_pipe_that_nobody_reads(self):
        # 400 bytes a request: the pipe's 64 KB are full after some 150 requests.
        text = system.manifest(system.service(env={"FLOOD": "1"})).replace("access_log: none", "access_log: json")
        with system.System(text) as kit:
            self.start(kit)
            self.check_serves(kit)
            kit.send(signal.SIGINT)
            self.assertEqual(kit.wait(), 0)
            kit.check_nothing_left()

    def test_a_pipe_whose_reader_has_left(self):
        text = system.manifest(system.service(env={"FLOOD": "1"})).replace("access_log: none", "access_log: json")
        with system.System(text) as kit:
            self.start(kit)
            kit.process.stdout.close()
            self.check_serves(kit)
            kit.send(signal.SIGINT)
            self.assertEqual(kit.wait(), 0)
            kit.check_nothing_left()

    def test_a_terminal_that_is_closed_ends_it_in_order(self):
        """The window is closed: the kernel sends SIGHUP. Nobody could stop it by Ctrl-C any more, so it stops."""
        with system.System(system.manifest()) as kit:
            mine, its = pty.openpty()
            kit.process = subprocess.Popen([system.BIN, "up", "--manifest", str(kit.file)], cwd=kit.folder,
                                           env=kit.environment, stdin=its, stdout=its, stderr=its,
                                           start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
            os.close(its)
            kit.wait_ready()
            os.close(mine)
            self.assertEqual(kit.wait(), 0)
            kit.check_nothing_left()

    def test_sighup_from_a_user_reads_the_manifest_again(self):
        with system.System(system.manifest()).start() as kit:
            self.assertEqual(kit.get("/new")[0], 200)
            kit.write(system.manifest(routes=("{ path: /new, to: echo, rewrite: /echo }",)))
            kit.send(signal.SIGHUP)
            processes.wait_until(lambda: kit.get("/other")[0] == 404, 5, "the new routes")
            self.assertEqual(kit.get("/new")[0], 200)
            kit.write("system: [")
            kit.send(signal.SIGHUP)
            time.sleep(0.3)
            self.assertEqual(kit.get("/new")[0], 200)
            kit.stop()


if __name__ == "__main__":
    unittest.main()
