# deadline: 90
"""kill -9 of instances under steady load: clients do not notice, and what is killed comes back."""
import os
import signal
import time
import unittest

from kit import processes, system
from kit.load import Load


class KillInstance(unittest.TestCase):
    def test_one_of_two_five_times_fails_no_safe_request(self):
        # Restarts come at once: the backoff's growth is not what is tested here.
        restart = {"first": "20ms", "most": "100ms", "crash_loop_after": 100}
        with system.System(system.manifest(system.service(restart=restart))).start() as kit:
            killed = set()
            with Load(kit.port) as load:
                load.getters(4).posters(1).streamers(2).websockets(2)
                time.sleep(0.5)
                for i in range(5):
                    healthy = [x for x in kit.instances("echo") if x["state"] == "healthy"]
                    self.assertEqual(len(healthy), 2, kit.services())
                    victim = system.service_pid(healthy[i % 2])
                    killed.add(victim)
                    os.kill(victim, signal.SIGKILL)
                    time.sleep(0.3)
                    kit.wait_ready()
                time.sleep(1.2)
            report = load.report(killed)
            print(report)
            self.assertEqual(report.failed("get", "stream", "websocket"), [], report)
            self.assertGreater(report.ok["get"], 200)
            self.assertGreater(report.ok["stream"], 0)
            self.assertGreater(report.ok["websocket"], 0)
            # A POST that the dead instance may have seen must not be repeated: at most the one in flight fails.
            self.assertLessEqual(len(report.failed("post")), 5, report)
            self.assertTrue(report.by_pid.keys() - killed, "the successors never answered")
            shown = kit.services()["echo"]
            self.assertEqual(sum(x["restarts"] for x in shown["instances"]), 5, shown)
            self.assertIn("SIGKILL", " ".join(x["last_exit"] for x in shown["instances"]))
            kit.stop()

    def test_what_is_not_safe_to_repeat_is_not_repeated(self):
        """A POST that kills whoever gets it: one dies. A GET of the same kind is tried three times, and no more."""
        slow = {"first": "9s", "most": "9s", "crash_loop_after": 1}
        with system.System(system.manifest(system.service(replicas=5, restart=slow))).start() as kit:
            status, body, headers = kit.get("/crash?code=4", method="POST", body=b"x")
            self.assertEqual((status, headers["X-Trunkline-Cause"]), (502, "upstream_reset"), body)
            time.sleep(0.3)
            self.assertEqual(len(kit.instances("echo")), 4)
            status, body, headers = kit.get("/crash?code=4")
            self.assertEqual((status, headers["X-Trunkline-Cause"]), (502, "upstream_reset"), body)
            time.sleep(0.3)
            self.assertEqual(len(kit.instances("echo")), 1)
            trace = kit.cli("why", headers["X-Trace-Id"])
            attempts = trace["hops"][0]["attempts"]
            self.assertEqual(attempts if isinstance(attempts, int) else len(attempts), 3, trace)
            self.assertEqual(kit.get("/echo")[0], 200)
            kit.stop()

    def test_the_only_instance_comes_back_and_says_what_it_was(self):
        with system.System(system.manifest(system.service(replicas=1))).start() as kit:
            # The only try broke (502), or a second one found nobody (503).
            status, body, headers = kit.get("/crash?code=7")
            self.assertIn((status, headers["X-Trunkline-Cause"]),
                          ((502, "upstream_reset"), (503, "no_healthy_instance"), (502, "upstream_connect_failed")), body)
            processes.wait_until(lambda: kit.get("/echo")[0] == 200, 10, "the instance to come back")
            instance = kit.instances("echo")[0]
            self.assertEqual(instance["restarts"], 1)
            self.assertIn("7", instance["last_exit"])
            code, out, _ = kit.run("logs", "echo")
            self.assertEqual(code, 0)
            self.assertIn("crashing as told, with exit code 7", out)
            kit.stop()


if __name__ == "__main__":
    unittest.main()
