# serial
# deadline: 90
"""Instances that are ill, flaky or gone: how fast it is noticed, and what the others feel of it."""
import os
import pathlib
import signal
import threading
import time
import unittest

from kit import processes, system
from kit.load import Load
from kit.stalls import Stalls


class Health(unittest.TestCase):
    def tell(self, kit, name, ill):
        """Makes a service or an instance answer 503 to its probes, or well again."""
        path = pathlib.Path(kit.folder, f"unhealthy-{name}")
        path.touch() if ill else path.unlink()

    def state_of(self, kit, instance_id):
        return next(x["state"] for x in kit.services()["echo"]["instances"] if x["id"] == instance_id)

    def test_a_crash_is_noticed_within_a_second_and_no_client_sees_it(self):
        slow_restart = {"first": "5s", "most": "5s", "crash_loop_after": 1}
        with system.System(system.manifest(system.service(restart=slow_restart))).start() as kit:
            victim = kit.instances("echo")[0]
            with Load(kit.port) as load, Stalls() as stalls:
                load.getters(4, pace=0.002)
                time.sleep(0.3)
                os.kill(system.service_pid(victim), signal.SIGKILL)
                began = time.monotonic()
                processes.wait_until(lambda: self.state_of(kit, victim["id"]) not in ("healthy", "starting"), 5,
                                     "the crash to be shown")
                took = time.monotonic() - began
                time.sleep(0.5)
            report = load.report()
            print(f"crash shown after {took * 1000:.0f} ms, the command's own time included")
            print(report)
            self.assertLess(took, 1.0 + stalls.worst)
            self.assertEqual(report.failures, [], report)
            self.assertEqual(kit.services()["echo"]["replicas_healthy"], 1)
            kit.stop()

    def test_an_ill_instance_gets_no_request_from_200_ms_after_it_is_shown(self):
        with system.System(system.manifest(system.service(replicas=3))).start() as kit:
            victim = kit.instances("echo")[0]
            with Stalls() as stalls:
                self.tell(kit, victim["id"], True)
                processes.wait_until(lambda: self.state_of(kit, victim["id"]) == "unhealthy", 5, "it to be unhealthy")
                time.sleep(0.2)
            time.sleep(stalls.worst)
            with Load(kit.port) as load:
                load.getters(4, pace=0.001)
                time.sleep(0.7)
            report = load.report()
            self.assertEqual(report.failures, [], report)
            self.assertGreater(report.ok["get"], 100)
            self.assertNotIn(victim["id"], report.by_instance)
            self.assertEqual(len(report.by_instance), 2, report.by_instance)
            self.tell(kit, victim["id"], False)
            processes.wait_until(lambda: self.state_of(kit, victim["id"]) == "healthy", 5, "it to be healthy again")
            with Load(kit.port) as load:
                load.getters(4, pace=0.001)
                time.sleep(0.5)
            self.assertIn(victim["id"], load.report().by_instance)
            kit.stop()

    def test_removal_reaches_the_balancers_within_200_ms(self):
        """Seen from outside: once an instance is shown draining, no request that is sent 200 ms later reaches it."""
        with system.System(system.manifest(system.service(grace="4s"))).start() as kit:
            old = {instance["id"]: system.service_pid(instance) for instance in kit.instances("echo")}
            pid_of = {instance["id"]: instance["pid"] for instance in kit.instances("echo")}
            shown = {}
            # Streams in flight keep each old instance draining for a while, so that it can be watched.
            with Load(kit.port) as load, Stalls() as stalls:
                load.getters(3, pace=0.002).streamers(4, seconds=1.2)
                time.sleep(0.5)
                restart = threading.Thread(target=kit.run, args=("restart", "echo"))
                restart.start()
                while restart.is_alive():
                    for instance in kit.services()["echo"]["instances"]:
                        if instance["state"] == "draining" and pid_of.get(instance["id"]) == instance["pid"]:
                            shown.setdefault(old[instance["id"]], time.monotonic())
                    time.sleep(0.005)
            report = load.report()
            self.assertEqual(report.failures, [], report)
            self.assertEqual(set(shown), set(old.values()), "an old instance was never seen draining")
            late = {pid: report.last_asked[pid] - at for pid, at in shown.items()}
            print("last request after draining was shown:", {k: f"{v * 1000:.0f} ms" for k, v in late.items()}, report)
            self.assertLess(max(late.values()), 0.2 + stalls.worst)
            kit.stop()

    def test_flaky_probes_never_empty_a_service(self):
        flaky = system.service(replicas=3, env={"FLAKY": "0.7"},
                               health={"http": "/healthz", "interval": "40ms", "unhealthy_after": 2})
        with system.System(system.manifest(flaky)).start(ready=False) as kit:
            processes.wait_until(lambda: processes.accepts(kit.port) and kit.get("/echo")[0] == 200, 15, "a first answer")
            reasons = set()
            with Load(kit.port) as load:
                load.getters(4, pace=0.004)
                end = time.monotonic() + 4
                while time.monotonic() < end:
                    reasons.add(kit.services()["echo"]["panic"])
                    time.sleep(0.02)
            report = load.report()
            print(report, reasons - {""}, sep="\n")
            self.assertEqual(report.failures, [], report)
            self.assertTrue(reasons - {""}, "panic was never shown, so this test has not tested it")
            kit.stop()

    def test_a_service_all_ill_is_used_all_the_same_and_says_why(self):
        with system.System(system.manifest()).start() as kit:
            self.tell(kit, "echo", True)
            processes.wait_until(lambda: kit.services()["echo"]["panic"], 5, "panic to be shown")
            self.assertIn("healthy", kit.services()["echo"]["panic"])
            self.assertEqual(kit.get("/echo")[0], 200)
            self.tell(kit, "echo", False)
            processes.wait_until(lambda: not kit.services()["echo"]["panic"], 5, "panic to end")
            kit.stop()

    def test_without_panic_an_ill_service_is_503_with_its_cause(self):
        with system.System(system.manifest(system.service(panic_threshold="0%"))).start() as kit:
            self.tell(kit, "echo", True)
            processes.wait_until(lambda: kit.get("/echo")[0] == 503, 5, "no healthy instance")
            status, body, headers = kit.get("/echo")
            self.assertEqual((status, headers["X-Trunkline-Cause"]), (503, "no_healthy_instance"), body)
            self.assertEqual(headers["Content-Type"], "application/problem+json")
            kit.stop()

    def test_a_crash_loop_is_shown_with_its_last_words_and_others_run_on(self):
        loop = system.service("loop", replicas=1, env={"CRASH_AT_START": "3"},
                              restart={"first": "10ms", "most": "300ms", "crash_loop_after": 3})
        text = system.manifest(system.service(), loop, routes=("{ path: /*, to: echo }", "{ path: /loop/*, to: loop }"))
        with system.System(text).start(services=["echo"]) as kit:
            with Load(kit.port) as load:
                load.getters(2).posters(1).streamers(1).websockets(1)
                shown = processes.wait_until(
                    lambda: next((x for x in kit.services()["loop"]["instances"] if x["state"] == "crash loop"), None), 15,
                    lambda: f"the crash loop to be shown: {kit.services()['loop']}")
                self.assertIn("3", shown["last_exit"])
                self.assertGreaterEqual(shown["restarts"], 2)
                time.sleep(1)
            report = load.report()
            self.assertEqual(report.failures, [], report)
            status, body, headers = kit.get("/loop/x")
            self.assertEqual((status, headers["X-Trunkline-Cause"]), (503, "no_healthy_instance"), body)
            self.assertIn("cannot open the database", kit.run("logs", "loop")[1])
            # Between two starts: the state and the last lines that led to it.
            processes.wait_until(lambda: any(x["state"] == "crash loop" and "cannot open the database" in str(x)
                                             for x in kit.services()["loop"]["instances"]), 10,
                                 lambda: f"the last log lines with the state: {kit.services()['loop']}")
            kit.stop()


if __name__ == "__main__":
    unittest.main()
