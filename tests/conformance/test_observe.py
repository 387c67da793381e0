# deadline: 90
"""What can be seen of a running system: metrics, access log, service output, tables, exit codes, the admin API."""
import json
import pathlib
import re
import signal
import socket
import subprocess
import threading
import time
import unittest

import system
import wire

NODE = pathlib.Path(__file__).parent / "node.py"
COMMANDS = ["up", "check", "schema", "plan", "apply", "status", "services", "routes", "logs", "why", "restart", "stop", "version"]
MANIFEST = """system: observed
telemetry: { access_log: json, access_file: access.log }
admin: { listen: <admin> }
gateway:
  listen: <port>
  routes:
    - { path: /one/*, rewrite: /*, to: one }
    - { path: /two/*, rewrite: /*, methods: [GET, POST], to: two, timeout: 7s, retry: { attempts: 2 } }
    - { path: /gone/*, to: gone }
contexts:
  first:
    one: { run: "<python> <node>", health: /, replicas: 2, calls: [two], version: "7" }
  second:
    two: { run: "<python> <node>", health: / }
    gone: { address: "127.0.0.1:<nobody>", health: { none: true } }
"""
SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\n"])*"(?:,(?!\})|(?=\})))*)\})? '
                    r'(NaN|[+-]Inf|-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)\Z')
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\n"])*)"')


def setUpModule():
    global observed
    observed = system.System(MANIFEST, node=NODE, admin=system.free_port(), nobody=system.free_port())
    observed.start()
    unittest.addModuleCleanup(observed.stop)


def admin_port():
    return int(re.search(r"admin: \{ listen: (\d+)", observed.manifest.read_text(encoding="utf-8"))[1])


def token():
    return (observed.folder / ".trunkline/admin.token").read_text(encoding="utf-8").strip()


def admin(method, path, headers=None, host=None, body=None):
    headers = {"Authorization": f"Bearer {token()}"} if headers is None else headers
    return wire.ask(admin_port(), method, path, headers, body, host or f"127.0.0.1:{admin_port()}")


def parse_metrics(text):
    """{(name, labels)} -> value, by the rules of the text format; anything outside them is an AssertionError."""
    assert text.endswith("\n"), "no line feed at the end"
    values, kinds, helped, family = {}, {}, set(), None
    finished = set()
    for line in text.splitlines():
        if line.startswith("# HELP "):
            name = line.split(" ", 3)[2]
            assert name not in helped and name not in finished, f"{name} is described twice"
            helped.add(name)
            finished.add(family)
            family = name
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name == family and name not in kinds, f"TYPE of {name} out of place"
            assert kind in ("counter", "gauge", "histogram"), kind
            kinds[name] = kind
        else:
            sample = SAMPLE.match(line)
            assert sample, f"no sample: {line!r}"
            name, labels = sample[1], tuple(sorted(LABEL.findall(sample[2] or "")))
            base = re.sub("_(bucket|sum|count)\\Z", "", name) if kinds.get(family) == "histogram" else name
            assert base == family and family in kinds, f"{name} stands outside of its family {family}"
            assert len({k for k, _ in labels}) == len(labels), f"a label twice: {line}"
            assert (name, labels) not in values, f"twice: {line}"
            assert kinds[family] != "counter" or name.endswith("_total"), f"a counter without _total: {name}"
            values[name, labels] = float(sample[3].replace("Inf", "inf"))
    check_histograms(values, kinds)
    return values


def check_histograms(values, kinds):
    for name in (n for n, kind in kinds.items() if kind == "histogram"):
        series = {}
        for (sample, labels), value in values.items():
            if sample == name + "_bucket":
                series.setdefault(tuple(x for x in labels if x[0] != "le"), []).append((float(dict(labels)["le"].replace("Inf", "inf")), value))
        for labels, buckets in series.items():
            counts = [count for _, count in sorted(buckets)]
            assert counts == sorted(counts) and sorted(buckets)[-1][0] == float("inf"), f"buckets of {name} {labels}"
            assert values[name + "_count", labels] == counts[-1], f"count of {name} {labels}"
            assert (name + "_sum", labels) in values


def metrics():
    answer = admin("GET", "/metrics")
    assert answer.status == 200, answer
    assert answer.headers.get("content-type").startswith("text/plain; version=0.0.4"), answer.headers
    return parse_metrics(answer.body.decode())


def total(values, name, **labels):
    return sum(v for (n, found), v in values.items() if n == name and set(labels.items()) <= set(found))


class Metrics(unittest.TestCase):
    def test_they_count_exactly_the_requests_made(self):
        before = metrics()
        for i in range(7):
            self.assertEqual(observed.ask("GET", f"/one/{i}").status, 200)
        for _ in range(3):
            self.assertEqual(observed.ask("POST", "/two/status/503", body=b"abcde").status, 503)
        self.assertEqual(observed.ask("GET", "/one/call/two/").status, 200)
        self.assertEqual(observed.ask("GET", "/nowhere").status, 404)
        self.assertEqual(observed.ask("GET", "/gone/a").status, 502)
        with observed.client() as client:
            client.send("NONSENSE\r\n\r\n")
            self.assertEqual(client.response().status, 400)
        after = wire.wait_until(lambda: self.settled(before), what="the counters")

        def grown(name, **labels):
            return total(after, name, **labels) - total(before, name, **labels)
        requests = "trunkline_requests_total"
        self.assertEqual(grown(requests, door="gateway", service="one", code="2xx"), 8)
        self.assertEqual(grown(requests, door="gateway", service="two", code="5xx"), 3)
        self.assertEqual(grown(requests, door="gateway", service="two", code="2xx"), 0)
        self.assertEqual(grown(requests, door="sidecar", service="two", code="2xx"), 1)
        self.assertEqual(grown(requests, service="gone", code="5xx"), 1)
        self.assertEqual(grown(requests), 8 + 3 + 1 + 1 + 1 + 1)
        self.assertEqual(grown("trunkline_request_duration_seconds_count", door="gateway", service="one"), 8)
        self.assertEqual(grown("trunkline_request_body_bytes_total", service="two"), 15)
        for cause in ("no_route", "upstream_connect_failed", "bad_request"):
            self.assertEqual(grown("trunkline_errors_total", cause=cause), 1, cause)
        self.assertEqual(total(after, "trunkline_requests_in_flight", door="gateway"), 0)
        opened, reused = (grown(f"trunkline_upstream_connections_{n}_total", service="one") for n in ("opened", "reused"))
        self.assertEqual(opened + reused, 8)
        self.assertEqual(grown("trunkline_connections_accepted_total", door="gateway"), 14)

    @staticmethod
    def settled(before):
        now = metrics()
        name = "trunkline_requests_total"
        return now if total(now, name) - total(before, name) >= 15 and total(now, "trunkline_requests_in_flight") == 0 else None

    def test_restarts_and_instances_are_there(self):
        names = {name for name, _ in metrics()}
        self.assertTrue(any("restart" in name for name in names), sorted(names))

    def test_paths_and_hosts_of_clients_make_no_series(self):
        observed.ask("GET", "/nowhere")
        before = len(metrics())
        for i in range(40):
            observed.ask("GET", f"/nowhere/{i}", host=f"host-{i}.test")
            observed.ask(f"METHOD{i}", f"/one/{i}?{i}")
        time.sleep(0.2)
        self.assertLessEqual(len(metrics()), before + 20)

    def test_a_thousand_routes_stay_below_the_cap(self):
        routes = "".join(f"    - {{ path: /r{i}, to: a }}\n" for i in range(1200))
        backend = wire.Backend()
        self.addCleanup(backend.close)
        manifest = (f"system: many\ntelemetry: {{ access_log: none }}\nadmin: {{ listen: <admin> }}\ngateway:\n  listen: <port>\n  routes:\n{routes}"
                    f"contexts: {{ x: {{ a: {{ address: \"127.0.0.1:{backend.port}\" }} }} }}\n")
        port = system.free_port()
        with system.System(manifest, admin=port) as many:
            with many.client() as client:
                for i in range(1200):
                    client.request("GET", f"/r{i}")
                    self.assertEqual(client.response().status, 200)
            secret = (many.folder / ".trunkline/admin.token").read_text(encoding="utf-8").strip()
            text = wire.ask(port, "GET", "/metrics", {"Authorization": f"Bearer {secret}"}, host="localhost").body.decode()
        values = parse_metrics(text)
        series = {labels for (name, labels) in values if name == "trunkline_request_duration_seconds_count"}
        self.assertLessEqual(len(series), 1000)
        self.assertEqual(total(values, "trunkline_requests_total"), 1200)
        self.assertGreater(total(values, "trunkline_requests_total", door="other"), 0)
        self.assertGreater(total(values, "trunkline_series_overflow_total"), 0)


class AccessLog(unittest.TestCase):
    def lines(self, word):
        path = observed.folder / "access.log"
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if word in line] if path.exists() else []

    def test_one_json_line_a_request_with_what_happened(self):
        answer = observed.ask("POST", "/two/logged?secret=1", {"X-Request-Id": "log-1"}, body=b"abc")
        line = wire.wait_until(lambda: self.lines("/two/logged"), what="the access record")[0]
        self.assertEqual((line["method"], line["path"], line["status"], line["route"], line["service"]),
                         ("POST", "/two/logged", 200, "GET|POST /two/*", "two"))
        self.assertRegex(line["instance"], r"\Atwo-\d+\Z")
        self.assertEqual((line["trace"], line["request_id"], line["bytes_in"], line["door"]),
                         (answer.headers.get("x-trace-id"), "log-1", 3, "gateway"))
        self.assertEqual(line["bytes_out"], len(answer.body))
        self.assertRegex(line["time"], r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\Z")
        self.assertRegex(line["client"], r"\A127\.0\.0\.1:\d+\Z")
        self.assertGreater(line["duration_ms"], 0)
        self.assertEqual(len(self.lines("/two/logged")), 1)

    def test_a_failure_has_its_cause(self):
        observed.ask("GET", "/gone/logged")
        line = wire.wait_until(lambda: self.lines("/gone/logged"), what="the access record")[0]
        self.assertEqual((line["status"], line["cause"], line["attempts"]), (502, "upstream_connect_failed", 3))
        self.assertIn("own_reply", line["flags"])

    def test_what_clients_send_cannot_break_a_line(self):
        with observed.client() as client:
            client.send(b"GET /one/q\"uote{}|^%FF HTTP/1.1\r\nHost: conform.test\r\nX-Request-Id: a\"b\\c\xfe\r\n\r\n")
            client.response()
        wire.wait_until(lambda: self.lines("uote"), what="the access record")
        self.assertEqual(len(self.lines("uote")), 1)


class Logs(unittest.TestCase):
    def test_output_is_kept_by_service_and_instance(self):
        observed.ask("GET", "/one/print/hello-from-one")
        observed.ask("GET", "/two/complain/sorry-from-two")
        text = wire.wait_until(lambda: self.has("sorry-from-two"), what="the line")
        self.assertIn("hello-from-one", text)
        one = observed.cli("logs", "one").stdout
        self.assertIn("hello-from-one", one)
        self.assertNotIn("sorry-from-two", one)
        self.assertRegex(one, r"one-\d")
        lines = [json.loads(line) for line in observed.cli("logs", "two", "--json").stdout.splitlines()]
        line = [entry for entry in lines if "sorry" in entry["text"]][0]
        self.assertEqual((line["service"], line["stream"], line["text"]), ("two", "stderr", "sorry-from-two"))
        self.assertRegex(line["instance"], r"\Atwo-\d+\Z")

    @staticmethod
    def has(word):
        text = observed.cli("logs").stdout
        return text if word in text else None

    def test_what_a_service_prints_cannot_drive_the_terminal(self):
        observed.ask("GET", "/one/print/a%1B%5B31mred%07bell%0D-end")
        text = wire.wait_until(lambda: self.has("-end"), what="the line")
        self.assertNotIn("\x1b", text)
        self.assertNotIn("\x07", text)

    def test_up_with_json_prints_nothing_but_json_lines(self):
        manifest = ("system: lines\ntelemetry: { access_log: none }\ngateway: { listen: <port> }\n"
                    "contexts: { x: { a: { run: \"echo said; exec <python> <node>\", health: / } } }\n")
        with system.System(manifest, node=NODE, arguments=["--json"]) as quiet:
            wire.wait_until(lambda: "said" in quiet.log.read_text(encoding="utf-8"), what="the service's line")
            lines = [json.loads(line) for file in (quiet.log, quiet.errors) for line in file.read_text(encoding="utf-8").splitlines()]
        self.assertIn(("a", "said"), [(line.get("service"), line.get("text")) for line in lines])

    def test_follow_shows_what_comes_and_ends_with_ctrl_c(self):
        for arguments in (["-f"], ["-f", "two", "--json"]):
            with self.subTest(arguments):
                process = subprocess.Popen([system.BINARY, "logs", *arguments], cwd=observed.folder, stdout=subprocess.PIPE,
                                           stderr=subprocess.STDOUT, text=True)
                try:
                    time.sleep(0.3)
                    mark = f"followed-{len(arguments)}"
                    observed.ask("GET", f"/two/print/{mark}")
                    while mark not in process.stdout.readline():
                        self.assertIsNone(process.poll())
                    process.send_signal(signal.SIGINT)
                    self.assertIn(process.wait(5), (0, 130))
                finally:
                    process.kill()
                    process.wait()
                    process.stdout.close()

    def test_a_service_that_is_not_there(self):
        done = observed.cli("logs", "tow")
        self.assertEqual(done.returncode, 1)
        self.assertIn('"two"', done.stderr)


class Tables(unittest.TestCase):
    def test_status(self):
        status = observed.json("status")
        self.assertEqual((status["system"], status["pid"], status["stopping"], status["revision"]), ("observed", observed.process.pid, "", 1))
        self.assertEqual(status["gateway"], [f"http://127.0.0.1:{observed.port}"])
        self.assertEqual(status["admin"], f"http://127.0.0.1:{admin_port()}")
        self.assertEqual([s["name"] for s in status["services"]], ["one", "two", "gone"])
        self.assertGreater(status["rss_bytes"], 1 << 20)
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
        self.assertEqual(admin("GET", "/v1/status").json()["system"], "observed")
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Bearer {token()}x"}, {"Authorization": f"Basic {token()}"},
                        {"Authorization": "Bearer"}, {"Cookie": f"token={token()}"}):
            for path in ("/v1/status", "/metrics", "/", "/v1/logs", "/nowhere"):
                with self.subTest(f"{headers} {path}"):
                    answer = admin("GET", path, headers)
                    self.assertEqual((answer.status, answer.json()["cause"]), (401, "no_token"))
                    self.assertNotIn(token().encode(), answer.body)
        self.assertEqual(admin("GET", f"/v1/status?token={token()}", {}).status, 401)

    def test_a_foreign_host_is_refused_even_with_the_token(self):
        for host in ("evil.test", f"evil.test:{admin_port()}", "127.0.0.1.evil.test", "localhost.evil.test"):
            with self.subTest(host):
                answer = admin("GET", "/v1/status", host=host)
                self.assertEqual((answer.status, answer.json()["cause"]), (403, "foreign_host"))
        for host in ("localhost", f"localhost:{admin_port()}", "[::1]"):
            self.assertEqual(admin("GET", "/v1/status", host=host).status, 200)

    def test_token_and_socket_are_for_their_owner_alone(self):
        state = observed.folder / ".trunkline"
        self.assertEqual(state.stat().st_mode & 0o777, 0o700)
        self.assertEqual((state / "admin.token").stat().st_mode & 0o777, 0o600)

    def test_stop_is_not_a_get(self):
        self.assertEqual(admin("GET", "/v1/stop").status, 405)
        self.assertEqual(admin("GET", "/v1/nowhere").status, 404)
        self.assertIn("GET /v1/status", admin("GET", "/v1/nowhere").json()["there_is"])
        self.assertEqual(admin("GET", "/v1/status?verbose=1").status, 400)
        self.assertIsNone(observed.process.poll())

    def test_its_list_is_true(self):
        for endpoint in admin("GET", "/").json()["endpoints"]:
            if endpoint["method"] == "GET" and "{" not in endpoint["path"]:
                with self.subTest(endpoint["path"]):
                    self.assertEqual(admin("GET", endpoint["path"]).status, 200)

    def test_it_does_not_listen_on_other_addresses(self):
        done = system.run("check", cwd=system_with_admin("0.0.0.0:9900", self))
        self.assertEqual(done.returncode, 2)


def system_with_admin(address, case):
    other = system.System(f"system: open\nadmin: {{ listen: \"{address}\" }}\n")
    case.addCleanup(other.stop)
    return other.folder


if __name__ == "__main__":
    unittest.main()
