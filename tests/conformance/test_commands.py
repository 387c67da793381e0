# deadline: 90
"""The commands as a user types them: tables, exit codes, help, restart, plan and apply; and the admin API behind them."""
import json
import pathlib
import socket
import sys
import threading
import time
import unittest

import observed_system
import system
import wire
from observed_system import NODE, admin, admin_port, token

sys.path.insert(0, str(system.ROOT / "tests"))
from kit.system import SANITIZED  # noqa: E402

COMMANDS = ["up", "check", "schema", "plan", "apply", "status", "services", "routes", "logs", "why", "restart", "stop", "version"]


def setUpModule():
    global observed
    observed = observed_system.start()


class Tables(unittest.TestCase):
    def test_status(self):
        status = observed.json("status")
        self.assertEqual((status["system"], status["pid"], status["stopping"], status["revision"]), ("observed", observed.process.pid, "", 1))
        self.assertEqual(status["gateway"], [f"http://127.0.0.1:{observed.port}"])
        self.assertEqual(status["admin"], f"http://127.0.0.1:{admin_port(observed)}")
        self.assertEqual([s["name"] for s in status["services"]], ["one", "two", "gone"])
        self.assertGreater(status["rss_bytes"], 1 << 20)
        if not SANITIZED:  # a sanitizer keeps memory of its own
            self.assertLess(status["rss_bytes"], 64 << 20)
        text = observed.cli("status").stdout
        for word in ("observed", "one", "2/2", "two", "gone", "healthy", str(observed.port)):
            self.assertIn(word, text)
        self.assertNotIn("\x1b", text)

    def test_services(self):
        services = {s["name"]: s for s in observed.json("services")["services"]}
        one = services["one"]
        self.assertEqual((one["context"], one["version"], one["state"], one["replicas_wanted"], one["replicas_healthy"], one["calls"]),
                         ("first", "7", "healthy", 2, 2, ["two"]))
        for instance in one["instances"]:
            self.assertTrue(pathlib.Path(f"/proc/{instance['pid']}").exists())
            self.assertEqual((instance["service"], instance["state"], instance["restarts"]), ("one", "healthy", 0))
            with socket.create_connection(("127.0.0.1", instance["port"]), 2):
                pass
        ids = [i["id"] for i in one["instances"]]
        for name in ids:
            self.assertRegex(name, r"\Aone-\d+\Z")
        self.assertEqual(services["gone"]["instances"][0]["pid"], 0)
        text = observed.cli("services").stdout
        for word in (*ids, "two-", "first", "healthy"):
            self.assertIn(word, text)

    def test_routes(self):
        routes = {r["path"]: r for r in observed.json("routes")["routes"]}
        two = routes["/two/*"]
        self.assertEqual((two["to"], two["methods"], two["rewrite"], two["timeout_ms"], two["retries"]),
                         ("two", ["GET", "POST"], "/*", 7000, 1))
        text = observed.cli("routes").stdout
        for word in ("/one/*", "/two/*", "/gone/*", "GET"):
            self.assertIn(word, text)

    def test_version(self):
        text = observed.cli("version").stdout
        self.assertRegex(text, r"\d+\.\d+\.\d+")
        version = json.loads(observed.cli("version", "--json").stdout)
        self.assertIn(version["version"], text)
        self.assertEqual(observed.json("status")["version"], version["version"])


class CommandLine(unittest.TestCase):
    def test_every_command_has_help_with_an_example(self):
        listing = system.run("--help")
        self.assertEqual(listing.returncode, 0)
        for command in COMMANDS:
            with self.subTest(command):
                self.assertRegex(listing.stdout, rf"(?m)^\s+{command}\b")
                done = system.run(command, "--help")
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertRegex(done.stdout.lower(), "example")
                self.assertIn(f"trunkline {command}", done.stdout)

    def test_what_is_mistyped_is_recognised(self):
        for arguments, word in [(["stauts"], "status"), (["restrat", "one"], "restart"), (["status", "--jsno"], "--json"), ([], "--help")]:
            with self.subTest(arguments):
                done = system.run(*arguments, cwd=observed.folder)
                self.assertEqual(done.returncode, 2)
                self.assertIn(word, done.stderr + done.stdout)
        done = observed.cli("restart", "oen")
        self.assertEqual(done.returncode, 1)
        self.assertIn('"one"', done.stderr)

    def test_without_a_running_trunkline_the_exit_code_is_3(self):
        other = system.System("system: other\ngateway: { listen: <port> }\n")
        self.addCleanup(other.stop)
        for command in (["status"], ["services"], ["routes"], ["logs"], ["why", "abcdef"], ["restart", "a"], ["stop"], ["plan"], ["apply"]):
            for more in ([], ["--json"]):
                with self.subTest(command + more):
                    done = other.cli(*command, *more)
                    self.assertEqual(done.returncode, 3, done.stdout + done.stderr)
                    self.assertIn("trunkline up", done.stderr + done.stdout)
                    if more:
                        json.loads(done.stdout or done.stderr)

    def test_a_service_that_others_run_is_not_restarted(self):
        done = observed.cli("restart", "gone")
        self.assertEqual(done.returncode, 1)
        self.assertIn("gone", done.stderr)

    def test_a_second_up_of_the_same_folder_is_refused_and_harms_nothing(self):
        done = observed.cli("up", timeout=10)
        self.assertEqual(done.returncode, 1)
        self.assertIn(str(observed.process.pid), done.stderr + done.stdout)
        self.assertEqual(observed.ask("GET", "/one/still-there").status, 200)

    def test_a_taken_port_names_who_could_hold_it_and_starts_nothing(self):
        with socket.create_server(("127.0.0.1", 0)) as holder:
            port = holder.getsockname()[1]
            taken = system.System(f"system: taken\ngateway: {{ listen: {port} }}\ncontexts: {{ a: {{ b: {{ run: touch started; sleep 5 }} }} }}\n")
            self.addCleanup(taken.stop)
            done = taken.cli("up", timeout=10)
            self.assertEqual(done.returncode, 1)
            self.assertIn(str(port), done.stderr + done.stdout)
            self.assertRegex(done.stderr + done.stdout, rf"python|{holder.fileno()}|pid")
            self.assertFalse((taken.folder / "started").exists())

    def test_stop_ends_everything_and_cleans_up(self):
        short = system.System("system: short\ntelemetry: { access_log: none }\ngateway: { listen: <port>, routes: [{ path: /*, to: a }] }\n"
                              "contexts: { x: { a: { run: \"<python> <node>\", health: / } } }\n", node=NODE).start()
        self.addCleanup(short.stop)
        pid = short.json("services")["services"][0]["instances"][0]["pid"]
        done = short.cli("stop")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(short.process.wait(10), 0)
        self.assertFalse(pathlib.Path(f"/proc/{pid}").exists())
        self.assertEqual([p.name for p in (short.folder / ".trunkline").iterdir() if p.is_socket()], [])
        self.assertEqual(short.cli("status").returncode, 3)


class Restart(unittest.TestCase):
    def pids(self):
        services = {s["name"]: s for s in observed.json("services")["services"]}
        return {instance["pid"] for instance in services["one"]["instances"]}

    def test_a_rolling_restart_replaces_every_instance_and_fails_no_request(self):
        before = self.pids()
        statuses, done = [], threading.Event()

        def ask():
            while not done.is_set():
                statuses.append(observed.ask("GET", "/one/during").status)
                time.sleep(0.01)
        asker = threading.Thread(target=ask)
        asker.start()
        try:
            restarted = observed.cli("restart", "one", timeout=40)
        finally:
            done.set()
            asker.join()
        self.assertEqual(restarted.returncode, 0, restarted.stdout + restarted.stderr)
        self.assertEqual(set(statuses), {200})
        after = self.pids()
        self.assertEqual((len(after), before & after), (2, set()))
        self.assertFalse(any(pathlib.Path(f"/proc/{pid}").exists() for pid in before))

    def test_json_tells_it_line_by_line(self):
        done = observed.cli("restart", "two", "--json", timeout=40)
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual((lines[-1]["done"], lines[-1]["failed"]), (True, False))


class PlanAndApply(unittest.TestCase):
    def test_plan_says_what_apply_then_does(self):
        first = ("system: changing\ntelemetry: { access_log: none }\ngateway:\n  listen: <port>\n  routes:\n    - { path: /a/*, to: a }\n"
                 "contexts: { x: { a: { address: \"127.0.0.1:<one>\" }, b: { address: \"127.0.0.1:<two>\" } } }\n")
        one, two = wire.Backend("one"), wire.Backend("two")
        self.addCleanup(one.close)
        self.addCleanup(two.close)
        with system.System(first, one=one.port, two=two.port) as changing:
            same = changing.json("plan")
            self.assertEqual([c for c in same["changes"] if c["action"] != "keep"], [])
            text = changing.manifest.read_text(encoding="utf-8")
            changing.write(text.replace("to: a }", "to: b }\n    - { path: /new, to: a }"))
            plan = changing.json("plan")
            self.assertIn(("route", "add"), [(c["kind"], c["action"]) for c in plan["changes"]])
            self.assertEqual(changing.ask("GET", "/a/x").json()["backend"], "one")
            self.assertEqual(changing.cli("apply").returncode, 0)
            self.assertEqual(changing.ask("GET", "/a/x").json()["backend"], "two")
            self.assertEqual(changing.ask("GET", "/new").json()["backend"], "one")
            self.assertEqual(changing.json("status")["revision"], 2)
            changing.write(text.replace("to: a }", "to: nobody }"))
            for command in ("plan", "apply"):
                done = changing.cli(command)
                self.assertEqual(done.returncode, 2)
                self.assertIn("trunkline.yaml:6:", done.stderr + done.stdout)
                self.assertIn("nobody", done.stderr + done.stdout)
            self.assertEqual(changing.ask("GET", "/a/x").json()["backend"], "two")


class AdminApi(unittest.TestCase):
    def test_on_loopback_a_token_is_needed(self):
        self.assertEqual(admin(observed, "GET", "/v1/status").json()["system"], "observed")
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Bearer {token(observed)}x"}, {"Authorization": f"Basic {token(observed)}"},
                        {"Authorization": "Bearer"}, {"Cookie": f"token={token(observed)}"}):
            for path in ("/v1/status", "/metrics", "/", "/v1/logs", "/nowhere"):
                with self.subTest(f"{headers} {path}"):
                    answer = admin(observed, "GET", path, headers)
                    self.assertEqual((answer.status, answer.json()["cause"]), (401, "no_token"))
                    self.assertNotIn(token(observed).encode(), answer.body)
        self.assertEqual(admin(observed, "GET", f"/v1/status?token={token(observed)}", {}).status, 401)

    def test_a_foreign_host_is_refused_even_with_the_token(self):
        for host in ("evil.test", f"evil.test:{admin_port(observed)}", "127.0.0.1.evil.test", "localhost.evil.test"):
            with self.subTest(host):
                answer = admin(observed, "GET", "/v1/status", host=host)
                self.assertEqual((answer.status, answer.json()["cause"]), (403, "foreign_host"))
        for host in ("localhost", f"localhost:{admin_port(observed)}", "[::1]"):
            self.assertEqual(admin(observed, "GET", "/v1/status", host=host).status, 200)

    def test_token_and_socket_are_for_their_owner_alone(self):
        state = observed.folder / ".trunkline"
        self.assertEqual(state.stat().st_mode & 0o777, 0o700)
        self.assertEqual((state / "admin.token").stat().st_mode & 0o777, 0o600)

    def test_stop_is_not_a_get(self):
        self.assertEqual(admin(observed, "GET", "/v1/stop").status, 405)
        self.assertEqual(admin(observed, "GET", "/v1/nowhere").status, 404)
        self.assertIn("GET /v1/status", admin(observed, "GET", "/v1/nowhere").json()["there_is"])
        self.assertEqual(admin(observed, "GET", "/v1/status?verbose=1").status, 400)
        self.assertIsNone(observed.process.poll())

    def test_its_list_is_true(self):
        for endpoint in admin(observed, "GET", "/").json()["endpoints"]:
            if endpoint["method"] == "GET" and "{" not in endpoint["path"]:
                with self.subTest(endpoint["path"]):
                    self.assertEqual(admin(observed, "GET", endpoint["path"]).status, 200)

    def test_it_does_not_listen_on_other_addresses(self):
        done = system.run("check", cwd=system_with_admin("0.0.0.0:9900", self))
        self.assertEqual(done.returncode, 2)


def system_with_admin(address, case):
    other = system.System(f"system: open\nadmin: {{ listen: \"{address}\" }}\n")
    case.addCleanup(other.stop)
    return other.folder


if __name__ == "__main__":
    unittest.main()
