# deadline: 90
"""What can be seen of a running system: metrics, access log, service output."""
import json
import re
import signal
import subprocess
import time
import unittest

import observed_system
import system
import wire
from observed_system import NODE, admin

SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\n"])*"(?:,(?!\})|(?=\})))*)\})? '
                    r'(NaN|[+-]Inf|-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)\Z')
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\n"])*)"')


def setUpModule():
    global observed
    observed = observed_system.start()


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
    answer = admin(observed, "GET", "/metrics")
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
            client.send("NON/SENSE\r\n\r\n")
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


if __name__ == "__main__":
    unittest.main()
