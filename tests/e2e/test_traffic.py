# deadline: 240
"""Who gets a request: policies, sticky cookies, zones, versions with their split, copies and faults, as a user sees them."""
import collections
import concurrent.futures
import http.server
import json
import pathlib
import socket
import threading
import time
import unittest

from kit import processes, system

HEALTH = {"http": "/healthz", "interval": "100ms", "unhealthy_after": 1}


def echo(**keys):
    return system.service("echo", **{"replicas": 2, "version": "v1", "health": HEALTH, **keys})


def second(**keys):
    """Version v2 of echo."""
    return system.service("echo-next", **{"replicas": 1, "version": "v2", "version_of": "echo", "health": None, **keys})


def metrics_of(kit):
    with socket.socket(socket.AF_UNIX) as admin:
        admin.settimeout(5)
        admin.connect(str(kit.folder / ".trunkline/admin.sock"))
        admin.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return b"".join(iter(lambda: admin.recv(65536), b"")).decode()


class Recorder:
    """A service that others run: remembers what it got, and answers after `delay` seconds."""
    def __init__(self, delay=0.0):
        recorder = self
        self.got, self.lock = [], threading.Lock()
        self.released = threading.Event()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                with recorder.lock:
                    recorder.got.append((self.command, self.path, dict(self.headers), body))
                if delay:
                    recorder.released.wait(delay)
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            do_POST = do_PUT = do_GET

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def count(self):
        with self.lock:
            return len(self.got)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.released.set()
        self.server.shutdown()
        self.server.server_close()


class Case(unittest.TestCase):
    def ask(self, kit, path="/echo", headers=None, status=200):
        code, body, _ = kit.get(path, headers)
        self.assertEqual(code, status, body)
        return json.loads(body)

    def count(self, kit, what, requests=200, path="/echo", headers=None):
        """How many answers came from each `what` (version, instance)."""
        return collections.Counter(self.ask(kit, path, headers)[what] for _ in range(requests))

    def why(self, kit, headers):
        code, out, err = kit.run("why", headers["X-Trace-Id"])
        self.assertEqual(code, 0, out + err)
        return out


class Policies(Case):
    def test_round_robin_takes_turns_and_maglev_keeps_a_user_at_an_instance(self):
        services = [echo(replicas=3, balance="round_robin"),
                    system.service("hashed", replicas=3, health=HEALTH, version="v1",
                                   balance={"policy": "maglev", "key": "header x-user"})]
        text = system.manifest(*services, routes=["{ path: /*, to: echo }", "{ path: /h/*, to: hashed, rewrite: /* }"],
                               gateway="  threads: 1")
        with system.System(text).start() as kit:
            turns = [self.ask(kit)["instance"] for _ in range(30)]
            self.assertEqual(set(collections.Counter(turns).values()), {10})
            for first in range(0, 30, 3):
                self.assertEqual(len(set(turns[first:first + 3])), 3, turns)
            homes = {user: self.count(kit, "instance", 8, "/h/echo", {"X-User": user}) for user in map(str, range(20))}
            self.assertTrue(all(len(home) == 1 for home in homes.values()), homes)
            self.assertEqual(len({next(iter(home)) for home in homes.values()}), 3)
            # Without the header it is chosen by load.
            self.assertGreater(len(self.count(kit, "instance", 30, "/h/echo")), 1)
            kit.stop()

    def test_weights_of_addresses_are_honoured_and_a_reload_changes_them(self):
        with Recorder() as heavy, Recorder() as light:
            def text(weights):
                return system.manifest(echo(), f"    far:\n      address: [{{ at: '127.0.0.1:{heavy.port}', weight: {weights[0]} }},"
                                               f" {{ at: '127.0.0.1:{light.port}', weight: {weights[1]} }}]",
                                       routes=["{ path: /*, to: far }"])
            with system.System(text((4, 1))).start(services=["far"]) as kit:
                for _ in range(250):
                    self.assertEqual(kit.get("/x")[0], 200)
                self.assertAlmostEqual(heavy.count(), 200, delta=35)
                before = heavy.count(), light.count()
                code, said = kit.apply(text((1, 4)))
                self.assertEqual(code, 0, said)
                for _ in range(250):
                    self.assertEqual(kit.get("/x")[0], 200)
                self.assertAlmostEqual(light.count() - before[1], 200, delta=35)
                kit.stop()

    def test_a_sticky_cookie_keeps_a_client_at_its_instance_until_that_is_gone(self):
        with system.System(system.manifest(echo(replicas=3, balance={"sticky": {"cookie": "stay", "max_age": "10m"}}))).start() as kit:
            _, body, headers = kit.get("/echo")
            cookie = headers["Set-Cookie"]
            self.assertRegex(cookie, r"\Astay=[0-9a-f]{16}; Path=/; Max-Age=600; HttpOnly; SameSite=Lax\Z")
            home = json.loads(body)["instance"]
            sent = {"Cookie": f"theme=dark; {cookie.split(';')[0]}"}
            for _ in range(30):
                _, body, headers = kit.get("/echo", sent)
                self.assertEqual(json.loads(body)["instance"], home)
                self.assertNotIn("Set-Cookie", headers)
            # A forged one names nobody, and is replaced.
            _, _, headers = kit.get("/echo", {"Cookie": "stay=0123456789abcdef"})
            self.assertIn("Set-Cookie", headers)
            pathlib.Path(kit.folder, f"unhealthy-{home}").touch()
            processes.wait_until(lambda: json.loads(kit.get("/echo", sent)[1])["instance"] != home, 5, "it to leave its instance")
            _, body, headers = kit.get("/echo", sent)
            moved = headers["Set-Cookie"].split(";")[0]
            again = json.loads(body)["instance"]
            for _ in range(10):
                self.assertEqual(self.ask(kit, headers={"Cookie": moved})["instance"], again)
            kit.stop()

    def test_callers_stay_in_their_zone_and_spill_over_when_it_is_ill(self):
        text = system.manifest(echo(zone="east"), second(replicas=2, zone="west"), extra="zone: east")
        with system.System(text).start() as kit:
            self.assertEqual(set(self.count(kit, "service")), {"echo"})
            (kit.folder / "unhealthy-echo-1").touch()
            processes.wait_until(lambda: kit.services()["echo"]["replicas_healthy"] == 1, 5, "one to be ill")
            counted = self.count(kit, "service", 300)
            self.assertTrue(45 < counted["echo-next"] < 145, counted)  # 30 %
            (kit.folder / "unhealthy-echo").touch()
            processes.wait_until(lambda: kit.services()["echo"]["replicas_healthy"] == 0, 5, "all of east to be ill")
            self.assertEqual(set(self.count(kit, "service")), {"echo-next"})
            (kit.folder / "unhealthy-echo").unlink()
            (kit.folder / "unhealthy-echo-1").unlink()
            processes.wait_until(lambda: kit.services()["echo"]["replicas_healthy"] == 2, 5, "east to be well again")
            self.assertEqual(set(self.count(kit, "service")), {"echo"})
            kit.stop()


class Versions(Case):
    def test_a_split_gives_each_version_its_part_and_rules_go_before_it(self):
        services = [echo(split={"v1": 80, "v2": 20}, match=[{"headers": {"x-canary": "1"}, "version": "v2"}]),
                    second(), system.service("caller", replicas=1, calls=["echo"], health=HEALTH)]
        routes = ["{ path: /*, to: echo }", "{ path: /new/*, to: echo, rewrite: /*, version: v2 }",
                  "{ path: /user/*, to: echo, rewrite: /*, split: { v1: 50, v2: 50 }, split_by: header x-user }",
                  "{ path: /caller/*, to: caller, rewrite: /* }"]
        text = system.manifest(*services, routes=routes)
        with system.System(text).start() as kit:
            counted = self.count(kit, "version", 400)
            self.assertAlmostEqual(counted["v2"], 80, delta=40)
            self.assertEqual(self.count(kit, "version", 30, "/new/echo"), {"v2": 30})
            self.assertEqual(self.count(kit, "version", 30, headers={"X-Canary": "1"}), {"v2": 30})
            users = {user: self.count(kit, "version", 6, "/user/echo", {"X-User": user}) for user in map(str, range(40))}
            self.assertTrue(all(len(versions) == 1 for versions in users.values()), users)
            self.assertTrue(8 < sum(1 for versions in users.values() if "v2" in versions) < 32, users)
            # Services that call it get the same split.
            asked = collections.Counter(json.loads(self.ask(kit, "/caller/call?url=http://echo/echo")["body"])["version"]
                                        for _ in range(100))
            self.assertTrue(5 < asked["v2"] < 45, asked)

            _, _, headers = kit.get("/new/echo")
            self.assertIn("version v2", self.why(kit, headers))
            code, routes_shown, _ = kit.run("routes")
            self.assertEqual(code, 0)
            self.assertIn("split v1 80, v2 20", routes_shown)
            self.assertIn("split v1 50, v2 50 by header x-user", routes_shown)
            self.assertIn("header x-canary is 1: version v2", routes_shown)
            self.assertIn("version v2", routes_shown)
            kit.write(text.replace('"v1": 80, "v2": 20', '"v1": 0, "v2": 100'))
            code, plan, err = kit.run("plan")
            self.assertEqual(code, 0, err)
            self.assertIn("split.v2: 20 -> 100, without a restart", plan)
            self.assertEqual(kit.run("apply")[0], 0)
            self.assertEqual(self.count(kit, "version", 50), {"v2": 50})
            kit.stop()

    def test_a_version_without_instances_leaves_its_part_to_the_others_but_not_its_own_route(self):
        text = system.manifest(echo(split={"v1": 50, "v2": 50}), second(env={"HEALTH": "bad"}), extra="",
                               routes=["{ path: /*, to: echo }", "{ path: /new/*, to: echo, rewrite: /*, version: v2 }"])
        with system.System(text).start(services=["echo"]) as kit:
            self.assertEqual(self.count(kit, "version", 60), {"v1": 60})
            refused = self.ask(kit, "/new/echo", status=503)
            self.assertEqual(refused["cause"], "no_healthy_instance")
            self.assertIn("version v2 of service \"echo\"", refused["detail"])
            kit.stop()


class Mirrors(Case):
    def manifest(self, shadow, share="100%", **keys):
        return system.manifest(echo(mirror={"to": "shadow", "share": share}, **keys),
                               f"    shadow: {{ address: '127.0.0.1:{shadow}', health: {{ none: true }} }}")

    def test_a_copy_is_marked_whole_and_its_answer_is_ignored(self):
        with Recorder() as shadow, system.System(self.manifest(shadow.port)).start(services=["echo"]) as kit:
            status, _, headers = kit.get("/echo?n=7", {"X-Mine": "yes"})
            self.assertEqual(status, 200)
            body = bytes(range(256)) * 128  # in several pieces
            self.assertEqual(kit.get("/body", method="POST", body=body)[0], 200)
            processes.wait_until(lambda: shadow.count() == 2, 5, "both copies")
            copies = {path: (method, got, sent) for method, path, got, sent in shadow.got}
            method, got, _ = copies["/echo?n=7"]
            self.assertEqual((method, got["X-Mine"], got["X-Trunkline-Mirror"]), ("GET", "yes", "echo"))
            self.assertIn(headers["X-Trace-Id"], got["traceparent"])
            self.assertEqual(copies["/body"][2], body)
            self.assertIn("a copy went to shadow", self.why(kit, headers))
            processes.wait_until(lambda: "a mirrored copy" in self.why(kit, headers), 5, "the copy's own record")
            # Too large to copy: it goes its way alone, and that is counted.
            big = b"x" * 200_000
            self.assertEqual(json.loads(kit.get("/body", method="POST", body=big)[1])["length"], len(big))
            metrics = metrics_of(kit)
            self.assertIn('trunkline_mirrored_requests_dropped_total{service="shadow"} 1', metrics)
            self.assertEqual(shadow.count(), 2)
            kit.stop()

    def test_a_share_of_the_requests(self):
        with Recorder() as shadow, system.System(self.manifest(shadow.port, "25%")).start(services=["echo"]) as kit:
            for _ in range(200):
                self.ask(kit)
            processes.wait_until(lambda: shadow.count() > 20, 5, "copies")
            self.assertLess(shadow.count(), 90)
            kit.stop()

    def test_a_dead_or_slow_target_hurts_nobody(self):
        for delay in (None, 30.0):
            with Recorder(delay or 0) as shadow:
                port = processes.free_port() if delay is None else shadow.port
                with system.System(self.manifest(port)).start(services=["echo"]) as kit:
                    began = time.monotonic()
                    with concurrent.futures.ThreadPoolExecutor(4) as pool:
                        answers = list(pool.map(lambda _: kit.get("/echo")[0], range(400)))
                    took = time.monotonic() - began
                    self.assertEqual(set(answers), {200})
                    self.assertLess(took, 10 * (5 if system.SANITIZED else 1))
                    if delay:
                        # No more than the cap at a time, of each of the cores; the others were dropped.
                        self.assertLessEqual(shadow.count(), 64 * 4)
                        self.assertIn("trunkline_mirrored_requests_dropped_total", metrics_of(kit))
                    shadow.released.set()
                    kit.stop()


class Faults(Case):
    def test_requests_are_refused_and_delayed_by_share_and_marked(self):
        fault = {"abort": {"status": 503, "share": "100%"}, "headers": {"x-chaos": "abort"}}
        routes = ["{ path: /*, to: echo }",
                  "{ path: /late/*, to: echo, rewrite: /*, fault: { delay: { time: 300ms, share: 100% } } }",
                  "{ path: /never/*, to: echo, rewrite: /*, timeout: 200ms, fault: { delay: { time: 1m, share: 100% } } }",
                  "{ path: /some/*, to: echo, rewrite: /*, fault: { abort: { status: 418, share: 30% } } }"]
        with system.System(system.manifest(echo(fault=fault), routes=routes)).start() as kit:
            self.assertEqual(kit.get("/echo")[0], 200)
            status, body, headers = kit.get("/echo", {"X-Chaos": "abort"})
            self.assertEqual((status, json.loads(body)["cause"]), (503, "fault_injected"))
            self.assertEqual(headers["X-Trunkline-Cause"], "fault_injected")
            self.assertIn("fault_injected", self.why(kit, headers))

            began = time.monotonic()
            status, _, headers = kit.get("/late/echo")
            self.assertEqual(status, 200)
            self.assertGreaterEqual(time.monotonic() - began, 0.3)
            self.assertIn("delayed by a fault", self.why(kit, headers))

            began = time.monotonic()
            status, body, _ = kit.get("/never/echo")
            self.assertEqual((status, json.loads(body)["cause"]), (504, "fault_injected"))
            self.assertLess(time.monotonic() - began, 5)

            counted = collections.Counter(kit.get("/some/echo")[0] for _ in range(200))
            self.assertTrue(30 < counted[418] < 90 and counted[200] == 200 - counted[418], counted)
            kit.stop()


if __name__ == "__main__":
    unittest.main()
