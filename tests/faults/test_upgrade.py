# serial
# deadline: 240
"""The binary is replaced while it runs: nobody notices, or nothing happens. TRUNKLINE_UPGRADE_FULL=1 takes the figures
of the promise: 1,000 WebSockets and steady load through 100 reloads and one upgrade."""
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import threading
import time
import unittest

from kit import processes, system, websocket
from kit.load import Load

FULL = os.environ.get("TRUNKLINE_UPGRADE_FULL") == "1"


def children(pid):
    """{pid: command line} of the processes that `pid` has started."""
    text = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return {int(word): (pathlib.Path(f"/proc/{word}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip())
            for word in text.split() if processes.is_alive(int(word))}


def former(kit):
    """The process that finishes the connections of before, or 0."""
    found = [pid for pid, words in children(kit.process.pid).items() if words.startswith("trunkline-drain")]
    return found[0] if found else 0


def pids(kit):
    return sorted(instance["pid"] for instance in kit.instances())


def script(kit, name, text):
    """A program in the system's folder."""
    path = kit.folder / name
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)
    return str(path)


class Sockets:
    """Many WebSockets in one thread; each is asked again and again, and whoever breaks is counted."""

    def __init__(self, port, count):
        self.all = [websocket.WebSocket(port) for _ in range(count)]
        self.broken, self.asked, self.alive, self.stopping = [], 0, 0, threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while not self.stopping.is_set():
            for peer in list(self.all):
                self.check(peer)
                if self.stopping.is_set():
                    return
            self.stopping.wait(0.05)

    def check(self, peer):
        try:
            if peer.ask("are you there") != "are you there":
                raise websocket.WebSocketError("another answer")
            self.asked += 1
        except (OSError, websocket.WebSocketError) as error:
            self.broken.append(repr(error))
            self.all.remove(peer)

    def stop(self):
        """All that broke so far; every one that is left answers once more."""
        self.stopping.set()
        self.thread.join(30)
        for peer in list(self.all):
            self.check(peer)
        self.alive = len(self.all)
        for peer in self.all:
            peer.abort()
        return self.broken


class Upgrade(unittest.TestCase):
    def check_nothing_failed(self, report):
        print(report)
        self.assertEqual(report.failures, [], report)
        self.assertEqual(report.apart, [], report)

    def upgrade(self, kit, *words):
        code, out, err = kit.run("upgrade", *words)
        self.assertEqual(code, 0, out + err + kit.said())
        return out

    def test_under_load_nobody_notices(self):
        """Keep-alive clients, uploads, streams and 200 WebSockets; and the services are the same processes."""
        with system.System(system.manifest(system.service(grace="2s"))).start() as kit:
            before = pids(kit)
            sockets = Sockets(kit.port, 200)
            with Load(kit.port) as load:
                load.getters(6).posters(3).streamers(3)
                time.sleep(0.5)
                began = time.monotonic()
                out = self.upgrade(kit)
                took = time.monotonic() - began
                self.assertIn("is ready", out)
                self.assertIn("upgraded", out)
                drain = former(kit)
                self.assertTrue(drain, children(kit.process.pid))
                status = kit.cli("status")
                self.assertEqual((status["pid"], status["upgrades"]), (kit.process.pid, 1))
                self.assertIn(f"process {drain} still finishes", status["upgraded"])
                time.sleep(1)
                self.assertEqual(sockets.stop(), [], "WebSockets have the grace")
                self.assertEqual(sockets.alive, 200)
            report = load.report()
            print(f"the command took {took * 1000:.0f} ms; {sockets.asked} WebSocket messages")
            self.check_nothing_failed(report)
            for kind in ("get", "post", "stream"):
                self.assertGreater(report.ok[kind], 0, report)
            self.assertEqual(pids(kit), before, "services were restarted")
            # Their output goes on, their end is still seen, and they are still ours to stop.
            self.assertIn("listens", kit.run("logs")[1], "lines of before are lost")
            processes.wait_until(lambda: not processes.is_alive(drain), 10, "the former program to end with the grace")
            os.kill(system.service_pid(kit.instances()[0]), signal.SIGKILL)
            processes.wait_until(lambda: pids(kit) != before and len(pids(kit)) == 2, 10, "a restart after a crash")
            kit.wait_ready()
            kit.stop()

    def test_twice_and_then_a_change(self):
        with system.System(system.manifest(extra="")).start() as kit:
            kit.apply(system.manifest())
            with Load(kit.port) as load:
                load.getters(4).posters(1)
                # Something that the former program has to finish.
                slow = self.enterContext(socket.create_connection(("127.0.0.1", kit.port), timeout=20))
                slow.sendall(b"GET /slow?ms=5000 HTTP/1.1\r\nHost: x\r\n\r\n")
                self.upgrade(kit)
                code, out, err = kit.run("upgrade")
                self.assertEqual(code, 1, "a second one at once must be refused")
                self.assertIn("still finishes", out + err)
                # A change waits for the connections of before, and says so.
                code, out = kit.apply(system.manifest(system.service(version="2")))
                self.assertEqual(code, 0, out)
                self.assertIn("waiting", out)
                self.assertIn(b" 200 ", slow.recv(65536))
                self.assertEqual(former(kit), 0)
                self.upgrade(kit)
                self.assertEqual(kit.cli("status")["upgrades"], 2)
                time.sleep(0.3)
            self.check_nothing_failed(load.report())
            self.assertIn(b'"version": "2"', kit.get("/echo")[1])
            took = kit.stop()  # in the middle of the drain
            self.assertLess(took, 8)

    def test_services_that_call_each_other_and_the_admin_port_go_on(self):
        text = system.manifest(system.service(), system.service("front", replicas=1, calls=["echo"]),
                               routes=("{ path: /*, to: front }",),
                               extra=f"admin: {{ listen: {(admin := processes.free_port())} }}")
        with system.System(text).start() as kit:
            other = kit.folder / "other-trunkline"
            shutil.copy(system.BIN, other)
            with Load(kit.port) as load:
                load.getters(3, path="/call?ms=5&url=http://echo/echo")
                self.upgrade(kit, "--binary", str(other))
                time.sleep(0.5)
            answers = load.report()
            # The answer to a call is another service's, without the number: only its arrival counts here.
            self.assertFalse([f for f in answers.failures if "the answer to" not in f.reason], answers)
            self.assertEqual(os.readlink(f"/proc/{kit.process.pid}/exe"), str(other))
            self.assertTrue(processes.accepts(admin))
            self.assertTrue(kit.cli("status")["admin"])
            kit.stop()

    def test_to_a_program_that_is_broken_changes_nothing(self):
        with system.System(system.manifest()).start() as kit:
            before = pids(kit)
            real = system.BIN
            cases = {
                str(kit.folder / "nothing"): "No such file",
                str(kit.file): "no program",
                "/bin/true": "no Trunkline",
                script(kit, "crashes", "kill -SEGV $$\n"): "SIGSEGV",
                script(kit, "ill", '[ "$1" = --version ] && exec %s --version\necho no libraries >&2; exit 7\n' % real):
                    "no libraries",
                script(kit, "says-nothing", '[ "$1" = --version ] && exec %s --version\nexit 0\n' % real): "take-over",
            }
            with Load(kit.port) as load:
                load.getters(3).posters(1).websockets(2)
                for binary, words in cases.items():
                    code, out, err = kit.run("upgrade", "--binary", binary)
                    self.assertEqual(code, 1, f"{binary}: {out}{err}")
                    self.assertIn(words, out + err, binary)
                    self.assertEqual(kit.cli("status")["upgrades"], 0)
                    self.assertEqual(former(kit), 0)
                time.sleep(0.2)
            self.check_nothing_failed(load.report())
            self.assertEqual(pids(kit), before)
            self.upgrade(kit)
            kit.stop()

    def test_what_fails_while_it_takes_over_brings_the_former_program_back(self):
        """The rehearsal cannot see this: the access log's place is taken when the next program opens it."""
        text = system.manifest().replace("access_log: none", "access_log: json, access_file: access.log")
        with system.System(text).start() as kit:
            before = pids(kit)
            kit.get("/echo")
            log = kit.folder / "access.log"
            processes.wait_until(lambda: log.exists() and log.stat().st_size, 5, "the access log")
            with Load(kit.port) as load:
                load.getters(3).posters(1)
                log.unlink()
                log.mkdir()
                code, out, err = kit.run("upgrade")
                self.assertEqual(code, 1, out + err)
                self.assertIn("access.log", out + err)
                self.assertIn("goes on", out + err)
                log.rmdir()
                time.sleep(0.5)
            self.check_nothing_failed(load.report())
            self.assertEqual(pids(kit), before)
            status = kit.cli("status")
            self.assertEqual((status["pid"], status["upgrades"]), (kit.process.pid, 0))
            self.assertIn("access.log", status["upgrade_failed"])
            processes.wait_until(lambda: not former(kit), 10, "the connections of before to end")
            self.upgrade(kit)
            self.assertEqual(pids(kit), before)
            kit.stop()

    @unittest.skipUnless(shutil.which("clang-19"), "needs clang-19 to make a library that crashes")
    def test_a_crash_while_it_takes_over_brings_the_former_program_back(self):
        with system.System(system.manifest()).start() as kit:
            before = pids(kit)
            source = kit.folder / "crash.c"
            # The second loop that the next program makes ends it; the former one is run without the library.
            source.write_text('#include <stdlib.h>\n#include <string.h>\n#include <unistd.h>\n#include <sys/syscall.h>\n'
                              'static int loops = -100;\n'
                              '__attribute__((constructor)) static void begin(void) {\n'
                              '  if (getenv("TRUNKLINE_HANDOVER")) loops = 0;\n  unsetenv("LD_PRELOAD");\n}\n'
                              'int epoll_create1(int flags) {\n  if (++loops == 2) abort();\n'
                              '  return syscall(SYS_epoll_create1, flags);\n}\n')
            library = kit.folder / "crash.so"
            subprocess.run(["clang-19", "-shared", "-fPIC", "-o", library, source], check=True)
            wrapped = script(kit, "wrapped", f'[ "$1" = up ] && export LD_PRELOAD={library}\nexec {system.BIN} "$@"\n')
            with Load(kit.port) as load:
                load.getters(3).posters(1)
                code, out, err = kit.run("upgrade", "--binary", wrapped)
                self.assertEqual(code, 1, out + err + kit.said())
                self.assertIn("crashed", out + err)
                time.sleep(0.3)
            self.check_nothing_failed(load.report())
            self.assertEqual(pids(kit), before)
            self.assertEqual(kit.cli("status")["upgrades"], 0)
            kit.stop()

    def test_while_something_changes_is_refused(self):
        with system.System(system.manifest(system.service(env={"START_DELAY": "1.5"}))).start() as kit:
            changing = threading.Thread(target=kit.run, args=("restart", "echo"))
            changing.start()
            time.sleep(0.7)
            code, out, err = kit.run("upgrade")
            self.assertEqual(code, 1, out + err)
            self.assertIn("another change", out + err)
            changing.join(30)
            self.upgrade(kit)
            kit.stop()


class KillNine(unittest.TestCase):
    def test_of_trunkline_after_an_upgrade_takes_the_former_one_and_the_services_along(self):
        with system.System(system.manifest(system.service(env={"GRANDCHILD": "1"}))).start() as kit:
            held = websocket.WebSocket(kit.port)
            self.assertEqual(kit.run("upgrade")[0], 0)
            self.assertTrue(former(kit))
            kit.process.kill()
            kit.process.wait()
            kit.check_nothing_left(4.0)
            held.abort()
            kit.start()
            self.assertEqual(kit.get("/echo")[0], 200)
            kit.stop()

    def test_of_the_former_program_ends_its_connections_and_nothing_else(self):
        with system.System(system.manifest()).start() as kit:
            before = pids(kit)
            held = websocket.WebSocket(kit.port)
            self.assertEqual(kit.run("upgrade")[0], 0)
            os.kill(former(kit), signal.SIGKILL)
            with self.assertRaises((websocket.WebSocketError, OSError)):
                held.ask("still there?")
            processes.wait_until(lambda: not kit.cli("status")["upgraded"].count("process"), 5, "its end to be noticed")
            self.assertEqual(kit.get("/echo")[0], 200)
            self.assertEqual(pids(kit), before)
            self.assertEqual(kit.run("upgrade")[0], 0)
            kit.stop()

    def test_at_any_moment_of_an_upgrade_leaves_a_clean_start_and_never_two_owners(self):
        for delay in (0.0, 0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.08):
            with self.subTest(delay=delay), system.System(system.manifest(system.service(replicas=1))).start() as kit:
                command = subprocess.Popen([system.BIN, "upgrade"], cwd=kit.folder, env=kit.environment,
                                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                time.sleep(delay)
                kit.process.kill()
                kit.process.wait()
                self.assertIn(command.wait(60), (0, 1, 3))
                kit.check_nothing_left(5.0)
                kit.start()
                self.assertEqual(kit.get("/echo")[0], 200)
                kit.stop()


class Promise(unittest.TestCase):
    def test_websockets_and_load_through_many_reloads_and_an_upgrade(self):
        count, reloads = (1000, 100) if FULL else (200, 10)

        def text(i):
            return system.manifest(system.service(replicas=2),
                                   routes=("{ path: /*, to: echo }", f"{{ path: /only/{i}, to: echo }}"))
        with system.System(text(0)).start() as kit:
            sockets = Sockets(kit.port, count)
            before = pids(kit)
            with Load(kit.port) as load:
                load.getters(4).posters(1).streamers(2)
                for i in range(1, reloads + 1):
                    code, out = kit.apply(text(i))
                    self.assertEqual(code, 0, out)
                broken = len(sockets.broken)
                self.assertEqual(broken, 0, sockets.broken[:5])
                code, out, err = kit.run("upgrade")
                self.assertEqual(code, 0, out + err)
                time.sleep(2)
                self.assertEqual(sockets.stop(), [], "WebSockets have the grace of 8 s")
                processes.wait_until(lambda: not former(kit), 12, "the former program to end with the grace")
            report = load.report()
            print(f"{count} WebSockets, {sockets.asked} messages, {reloads} reloads, 1 upgrade: {report}")
            self.assertEqual(report.failures, [], report)
            self.assertEqual(report.apart, [], report)
            self.assertEqual(pids(kit), before)
            kit.stop()


if __name__ == "__main__":
    unittest.main()
