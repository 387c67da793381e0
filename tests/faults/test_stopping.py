# serial
# deadline: 120
"""How it ends: by Ctrl-C, by SIGTERM, in a hurry, by kill -9. Nothing is left, and what was in flight is finished."""
import json
import os
import pathlib
import signal
import threading
import time
import unittest

from kit import processes, system
from kit.load import Load


def guard_of(kit):
    """The process that outlives a kill -9 of Trunkline."""
    guards = [pid for pid, words in processes.marked(kit.marker).items() if "trunkline-guard" in
              words + pathlib.Path(f"/proc/{pid}/comm").read_text()]
    assert len(guards) == 1, (guards, processes.marked(kit.marker))
    return guards[0]


class Stopping(unittest.TestCase):
    def in_flight(self, kit, count, path):
        """Starts requests that last; returns a function that gives their (status, body)."""
        answers = []

        def ask():
            try:
                status, body, _ = kit.get(path)
                answers.append((status, body))
            except OSError as error:
                answers.append((0, repr(error)))
        threads = [threading.Thread(target=ask) for _ in range(count)]
        for thread in threads:
            thread.start()
        time.sleep(0.4)

        def finished():
            for thread in threads:
                thread.join(15)
            return answers
        return finished

    def check_stop_under_load(self, number):
        with system.System(system.manifest()).start() as kit:
            slow = self.in_flight(kit, 4, "/slow?ms=1500")
            streams = self.in_flight(kit, 2, "/stream?pieces=10&seconds=1.5&n=s")
            load = Load(kit.port).getters(4)
            time.sleep(0.2)
            asked, failed = load.so_far()
            self.assertEqual(failed, 0, load.result)
            self.assertGreater(asked, 10)
            took = kit.stop(number)
            load.stop()
            print(f"stopped within {took:.2f} s")
            self.assertEqual([status for status, _ in slow()], [200] * 4)
            for status, body in streams():
                self.assertEqual(status, 200, body)
                self.assertEqual(body.decode().splitlines(), [f"s {i} of 10" for i in range(10)])
            self.assertLess(took, 8 + 2, "longer than the grace")
            # A new request is refused, at the connection or by a 503 that says so; nothing else may happen to it.
            for failure in load.result.failures:
                ended = ("ConnectionRefused", "ConnectionReset", "RemoteDisconnected", "BrokenPipe")
                self.assertTrue(any(word in failure.reason for word in ended), failure)

    def test_ctrl_c_finishes_what_is_in_flight(self):
        self.check_stop_under_load(signal.SIGINT)

    def test_sigterm_finishes_what_is_in_flight(self):
        self.check_stop_under_load(signal.SIGTERM)

    def test_what_is_in_flight_may_still_call_other_services(self):
        """Half way through its request a service calls another for the first time: that call is part of it."""
        text = system.manifest(system.service(), system.service("front", replicas=1, calls=["echo"]),
                               routes=("{ path: /*, to: front }",))
        with system.System(text).start() as kit:
            answers = self.in_flight(kit, 3, "/call?ms=1500&url=http://echo/echo")
            kit.stop()
            for status, body in answers():
                self.assertEqual((status, json.loads(body).get("status") if status == 200 else None), (200, 200), body)

    def test_the_stop_command_ends_it_too(self):
        with system.System(system.manifest()).start() as kit:
            kit.ports.update(x["port"] for x in kit.instances())
            code, out, err = kit.run("stop")
            self.assertEqual(code, 0, out + err)
            self.assertEqual(kit.wait(), 0)
            kit.check_nothing_left()

    def test_a_second_ctrl_c_stops_at_once(self):
        with system.System(system.manifest(system.service(env={"STUBBORN": "1"}))).start() as kit:
            self.in_flight(kit, 2, "/slow?ms=6000")
            kit.send(signal.SIGINT)
            time.sleep(0.7)
            self.assertIsNone(kit.process.poll(), "it should wait for what is in flight")
            began = time.monotonic()
            kit.send(signal.SIGINT)
            kit.wait(5)
            took = time.monotonic() - began
            print(f"second Ctrl-C: {took * 1000:.0f} ms")
            self.assertLess(took, 2.0)
            kit.check_nothing_left(2.0)

    def test_services_that_ignore_sigterm_are_killed_after_the_grace(self):
        stubborn = system.service(env={"STUBBORN": "1", "GRANDCHILD": "1"}, grace="1s")
        with system.System(system.manifest(stubborn)).start() as kit:
            took = kit.stop()
            self.assertLess(took, 8)

    def test_a_stop_while_services_start_ends_as_well(self):
        with system.System(system.manifest(system.service(env={"START_DELAY": "20"}))).start(ready=False) as kit:
            processes.wait_until(lambda: processes.accepts(kit.port), 10, "the gateway")
            kit.send(signal.SIGINT)
            self.assertEqual(kit.wait(), 0)
            kit.check_nothing_left()


class KillNine(unittest.TestCase):
    def test_of_trunkline_leaves_no_child_and_the_next_start_is_clean(self):
        with system.System(system.manifest(system.service(env={"GRANDCHILD": "1"}))).start() as kit:
            daemons = len(processes.marked(kit.marker))
            self.assertGreaterEqual(daemons, 6, "trunkline, guard, two services with a daemon each")
            kit.process.kill()
            kit.process.wait()
            began = time.monotonic()
            kit.check_nothing_left(4.0)
            took = time.monotonic() - began
            print(f"all was gone {took * 1000:.0f} ms after kill -9")
            self.assertLess(took, 2.0)
            kit.start()
            self.assertEqual(kit.get("/echo")[0], 200)
            kit.stop()

    def test_of_trunkline_and_its_guard_is_cleaned_up_by_the_next_start(self):
        with system.System(system.manifest(system.service(env={"GRANDCHILD": "1"}))).start() as kit:
            guard = guard_of(kit)
            os.kill(kit.process.pid, signal.SIGSTOP)  # so that it cannot start another guard
            os.kill(guard, signal.SIGKILL)
            kit.process.kill()
            kit.process.wait()
            time.sleep(0.3)
            left = processes.marked(kit.marker)
            self.assertTrue(left, "nothing was left over: this test has not tested anything")
            said_before = len(kit.said())
            kit.start()
            for pid in left:
                self.assertFalse(processes.is_alive(pid), left[pid])
            said = kit.said()[said_before:]
            self.assertIn("process", said.lower())
            self.assertRegex(said, r"\d+ process(es)?", "it should say what it has cleaned up")
            self.assertEqual(kit.get("/echo")[0], 200)
            kit.stop()

    def test_of_the_guard_alone_is_made_good(self):
        with system.System(system.manifest()).start() as kit:
            guard = guard_of(kit)
            os.kill(guard, signal.SIGKILL)
            processes.wait_until(lambda: not processes.is_alive(guard), 2, "the guard to end")
            time.sleep(0.5)
            self.assertNotEqual(guard_of(kit), guard)
            kit.process.kill()
            kit.process.wait()
            kit.check_nothing_left(4.0)

    def test_of_a_service_takes_its_own_children_with_it(self):
        with system.System(system.manifest(system.service(replicas=1, run=f"{system.COMMAND} & wait"))).start() as kit:
            shell = kit.instances("echo")[0]["pid"]
            served = system.service_pid({"pid": shell})
            self.assertNotEqual(shell, served)
            os.kill(shell, signal.SIGKILL)
            processes.wait_until(lambda: not processes.is_alive(served), 5, "the process behind the shell to end")
            kit.wait_ready()
            self.assertNotEqual(kit.instances("echo")[0]["pid"], shell)
            kit.stop()


class Refusals(unittest.TestCase):
    def test_a_second_up_in_the_folder_is_refused_and_names_the_first(self):
        with system.System(system.manifest()).start() as kit:
            code, out, err = kit.run("up", "--manifest", str(kit.file))
            self.assertEqual(code, 1, out + err)
            self.assertIn(str(kit.process.pid), out + err)
            self.assertEqual(kit.get("/echo")[0], 200)
            self.assertEqual(len(kit.instances("echo")), 2)
            kit.stop()

    def test_a_port_that_is_taken_names_its_holder_and_starts_nothing(self):
        with system.System(system.manifest()).start() as holder:
            with system.System(system.manifest(), port=holder.port).start(ready=False) as kit:
                self.assertEqual(kit.wait(5), 1, kit.said())
                said = kit.said()
                self.assertIn(str(holder.port), said)
                self.assertIn(str(holder.process.pid), said)
                self.assertNotIn("listens", said, "a service was started")
                self.assertEqual(processes.marked(kit.marker), {})
                sockets = [path for path in kit.folder.rglob("*") if path.is_socket()]
                self.assertEqual(sockets, [])
            # The same for a change of what runs: the port of another is refused, and all goes on.
            with system.System(system.manifest()).start() as kit:
                own = kit.port
                kit.port = holder.port
                code, out = kit.apply(system.manifest())
                kit.port = own
                self.assertEqual(code, 1, out)
                self.assertIn(str(holder.port), out)
                self.assertEqual(kit.get("/echo")[0], 200)
                kit.stop()
            holder.stop()

    def test_a_broken_manifest_is_exit_code_2_with_its_place(self):
        with system.System(system.manifest(routes=("{ path: /*, to: eccho }",))).start(ready=False) as kit:
            self.assertEqual(kit.wait(5), 2, kit.said())
            self.assertRegex(kit.said(), r"trunkline\.yaml:\d+:\d+")
            self.assertIn("echo", kit.said())

    def test_commands_without_a_running_system_say_what_to_do(self):
        with system.System(system.manifest()) as kit:
            for words in (("status",), ("services",), ("routes",), ("restart", "echo"), ("stop",), ("why", "abcdef01")):
                code, out, err = kit.run(*words)
                self.assertEqual(code, 3, f"{words}: {out}{err}")
                self.assertIn("trunkline up", out + err, words)


if __name__ == "__main__":
    unittest.main()
