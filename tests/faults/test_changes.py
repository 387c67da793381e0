# deadline: 150
"""Changes under steady load: rolling restarts, a hundred manifests, a version that is ill. Clients notice none."""
import json
import threading
import time
import unittest

from kit import processes, system
from kit.load import Load


def changed(i):
    """Manifest number i: its routes differ from its neighbours', now and then replicas and environment too."""
    routes = ["{ path: /*, to: echo }", f"{{ path: /only/{i}, to: echo, timeout: {5 + i % 7}s }}"]
    routes += [f"{{ path: /extra/{i}/{j}/*, to: echo, rewrite: /echo/* }}" for j in range(i % 4)]
    return system.manifest(system.service(replicas=3 if 30 <= i < 60 else 2, env={"FLAVOUR": str(i // 50)}), routes=routes)


class Changes(unittest.TestCase):
    def check_nothing_failed(self, report):
        print(report)
        self.assertEqual(report.failures, [], report)
        self.assertEqual(report.apart, [], report)
        for kind in ("get", "post", "stream", "websocket"):
            self.assertGreater(report.ok[kind], 0, report)

    def test_rolling_restarts_break_nothing(self):
        with system.System(system.manifest()).start() as kit:
            before = {instance["pid"] for instance in kit.instances("echo")}
            with Load(kit.port) as load:
                load.getters(4).posters(1).streamers(2).websockets(2)
                time.sleep(0.3)
                for _ in range(2):
                    code, out, err = kit.run("restart", "echo")
                    self.assertEqual(code, 0, out + err)
                time.sleep(0.3)
            self.check_nothing_failed(load.report())
            after = {instance["pid"] for instance in kit.instances("echo")}
            self.assertEqual(len(after), 2, kit.services())
            self.assertEqual(before & after, set(), "an instance was not replaced")
            kit.stop()

    def test_a_hundred_manifests_break_nothing(self):
        with system.System(changed(0)).start() as kit:
            with Load(kit.port) as load:
                load.getters(4, pace=0.02).posters(1).streamers(2).websockets(2)
                began = time.monotonic()
                for i in range(1, 101):
                    if i == 20:
                        rss, files = processes.rss(kit.process.pid), processes.open_files(kit.process.pid)
                    code, out = kit.apply(changed(i))
                    self.assertEqual(code, 0, f"manifest {i}: {out}")
                    # It is in force when apply returns, everywhere: not soon, and not on some cores.
                    for _ in range(4):
                        self.assertEqual(kit.get(f"/only/{i}")[0], 200)
                took = time.monotonic() - began
                more = processes.rss(kit.process.pid) - rss, processes.open_files(kit.process.pid) - files
            print(f"100 manifests in {took:.1f} s; from the 20th on {more[0] >> 10} KB and {more[1]} descriptors more")
            if not system.SANITIZED:
                self.assertLess(more[0], 8 << 20, "each manifest leaves something in memory")
            self.assertLess(more[1], 30, "descriptors are left open")
            self.check_nothing_failed(load.report())
            self.assertEqual(kit.cli("status")["revision"], 101)
            self.assertEqual({instance["version"] for instance in kit.instances("echo")}, {"1"})
            kit.stop()

    def test_a_new_version_that_is_ill_does_not_replace_the_old_one(self):
        with system.System(system.manifest()).start() as kit:
            before = {instance["pid"] for instance in kit.instances("echo")}
            with Load(kit.port) as load:
                load.getters(4).posters(1).streamers(2).websockets(2)
                time.sleep(0.3)
                ill = system.service(version="2", env={"HEALTH": "bad"}, start_deadline="2s")
                code, out = kit.apply(system.manifest(ill))
                self.assertEqual(code, 1, out)
                self.assertIn("echo", out)
                self.assertIn("503", out, "apply should say what the probe saw")
                time.sleep(0.5)
            report = load.report()
            self.check_nothing_failed(report)
            self.assertEqual(set(report.by_version), {"1"}, "the ill version got requests")
            self.assertEqual({instance["pid"] for instance in kit.instances("echo")}, before)
            # And a good version after it does.
            code, out = kit.apply(system.manifest(system.service(version="3")))
            self.assertEqual(code, 0, out)
            self.assertIn(b'"version": "3"', kit.get("/echo")[1])
            kit.stop()

    def test_a_new_version_with_fewer_or_more_replicas_is_only_the_new_version(self):
        with system.System(system.manifest(system.service(replicas=3))).start() as kit:
            with Load(kit.port) as load:
                load.getters(2).posters(1).streamers(1).websockets(1)
                for version, replicas in (("2", 1), ("3", 3), ("4", 2)):
                    code, out = kit.apply(system.manifest(system.service(version=version, replicas=replicas)))
                    self.assertEqual(code, 0, out)
                    self.assertEqual([x["version"] for x in kit.instances("echo")], [version] * replicas)
                time.sleep(1)
            self.check_nothing_failed(load.report())
            kit.stop()

    def test_a_second_change_at_the_same_time_is_refused_or_waits(self):
        slow = {"START_DELAY": "1.5"}
        with system.System(system.manifest()).start() as kit:
            first = []
            kit.write(system.manifest(system.service(version="2", replicas=1, env=slow)))
            thread = threading.Thread(target=lambda: first.append(kit.run("apply")))
            thread.start()
            time.sleep(0.5)
            code, out, err = kit.run("restart", "echo")
            thread.join(30)
            self.assertEqual(first[0][0], 0, first)
            self.assertIn(code, (0, 1), out + err)
            if code == 1:
                self.assertIn("another change", out + err)
            self.assertIn(b'"version": "2"', kit.get("/echo")[1])
            kit.stop()

    def test_a_broken_manifest_changes_nothing(self):
        with system.System(system.manifest()).start() as kit:
            code, out = kit.apply(system.manifest(routes=("{ path: /*, to: eccho }",)))
            self.assertEqual(code, 2, out)
            self.assertIn("echo", out)
            self.assertEqual(kit.get("/echo")[0], 200)
            self.assertEqual(kit.cli("status")["revision"], 1)
            kit.stop()

    def test_a_service_that_is_removed_is_gone_and_one_that_is_added_answers(self):
        two = system.manifest(system.service(), system.service("other", replicas=1),
                              routes=("{ path: /*, to: echo }", "{ path: /other/*, to: other }"))
        with system.System(system.manifest()).start() as kit:
            with Load(kit.port) as load:
                load.getters(2).posters(1).streamers(1).websockets(1)
                for _ in range(3):
                    code, out = kit.apply(two)
                    self.assertEqual(code, 0, out)
                    status, body, _ = kit.get("/other/x")
                    self.assertEqual((status, b'"service": "other"' in body), (200, True), body)
                    code, out = kit.apply(system.manifest())
                    self.assertEqual(code, 0, out)
                    self.assertIn(b'"service": "echo"', kit.get("/other/x")[1])
                    self.assertEqual(list(kit.services()), ["echo"])
            self.check_nothing_failed(load.report())
            kit.stop()


    def test_a_path_moves_to_a_new_service_only_when_that_is_ready(self):
        """And back again, when the new one goes: at no moment is there nobody for it."""
        both = ("{ path: /*, to: echo }", "{ path: /echo, to: newcomer }")
        newcomer = system.service("newcomer", replicas=2, env={"START_DELAY": "0.7"})
        with system.System(system.manifest()).start() as kit:
            with Load(kit.port) as load:
                load.getters(4)
                code, out = kit.apply(system.manifest(system.service(), newcomer, routes=both))
                self.assertEqual(code, 0, out)
                self.assertIn(b'"service": "newcomer"', kit.get("/echo")[1])
                time.sleep(0.3)
                code, out = kit.apply(system.manifest())
                self.assertEqual(code, 0, out)
                self.assertIn(b'"service": "echo"', kit.get("/echo")[1])
                time.sleep(0.3)
            report = load.report()
            print(report, report.by_instance)
            self.assertEqual(report.failures, [], report)
            kit.stop()

    def test_a_service_that_others_run_is_added_moved_and_removed(self):
        """Its instances are given by address: here the two of another system's service."""
        def text(addresses):
            lines = ["    far:", f"      address: {json.dumps(addresses)}"]
            return system.manifest(system.service(), "\n".join(lines), routes=("{ path: /*, to: echo }", "{ path: /echo, to: far }"))
        with system.System(system.manifest()).start() as others, system.System(system.manifest()).start() as kit:
            there = [f"127.0.0.1:{instance['port']}" for instance in others.instances()]
            with Load(kit.port) as load:
                load.getters(3)
                for addresses in ([there[0]], there, [there[1]]):
                    code, out = kit.apply(text(addresses))
                    self.assertEqual(code, 0, out)
                    status, body, _ = kit.get("/echo")
                    self.assertEqual(status, 200, body)
                    self.assertIn(json.loads(body)["pid"], {system.service_pid(x) for x in others.instances()})
                    time.sleep(0.2)
                code, out = kit.apply(system.manifest())
                self.assertEqual(code, 0, out)
            report = load.report()
            print(report)
            self.assertEqual(report.failures, [], report)
            kit.stop()
            others.stop()

    def test_a_caller_that_is_replaced_may_call_until_its_end_what_its_successor_may_not(self):
        front = {"replicas": 2, "grace": "6s"}
        routes = ("{ path: /*, to: echo }", "{ path: /call, to: front }")

        def text(calls, version):
            return system.manifest(system.service(), system.service("front", calls=calls, version=version, **front),
                                   routes=routes)
        with system.System(text(["echo"], "1")).start() as kit:
            url = processes.variable(system.service_pid(kit.instances("front")[0]), "ECHO_URL")
            self.assertTrue(url)
            answers = []

            def ask():
                answers.append(kit.get(f"/call?ms=1500&url={url}/echo"))
            threads = [threading.Thread(target=ask) for _ in range(4)]
            for thread in threads:
                thread.start()
            time.sleep(0.3)
            code, out = kit.apply(text([], "2"))
            self.assertEqual(code, 0, out)
            for thread in threads:
                thread.join(15)
            for status, body, _ in answers:
                self.assertEqual((status, json.loads(body).get("status") if status == 200 else None), (200, 200), body)
            self.assertEqual(len(answers), 4)
            kit.stop()


if __name__ == "__main__":
    unittest.main()
