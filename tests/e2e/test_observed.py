# deadline: 60
"""What Trunkline says it did is what clients saw it do: metrics, access records and traces, counted against the client."""
import collections
import http.client
import json
import os
import re
import time
import unittest

from kit import processes, system
from kit.load import Load

SAMPLE = re.compile(r'^([a-z_][a-z0-9_]*)(?:\{((?:[a-z_]+="[^"]*",?)*)\})? ([0-9.e+-]+|NaN|\+Inf)$')


class Observed(unittest.TestCase):
    def setUp(self):
        self.admin = processes.free_port()
        text = system.manifest(extra=f"admin: {{ listen: {self.admin} }}").replace(
            "telemetry: { access_log: none }", "telemetry: { access_log: json, access_file: access.log }")
        self.kit = system.System(text).start()
        self.addCleanup(self.kit.close)
        self.token = (self.kit.folder / ".trunkline" / "admin.token").read_text().strip()

    def ask_admin(self, path, token):
        connection = http.client.HTTPConnection("127.0.0.1", self.admin, timeout=5)
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"} if token else {})
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, text

    def metrics(self):
        """{(name, {label: value} as a sorted tuple): number}; every line must be of the format."""
        status, text = self.ask_admin("/metrics", self.token)
        self.assertEqual(status, 200)
        samples = {}
        for line in text.splitlines():
            if line.startswith("# HELP ") or line.startswith("# TYPE ") or not line:
                continue
            found = SAMPLE.match(line)
            self.assertTrue(found, f"no line of the Prometheus format: {line}")
            labels = tuple(sorted(re.findall(r'([a-z_]+)="([^"]*)"', found.group(2) or "")))
            self.assertNotIn((found.group(1), labels), samples, "a series twice")
            samples[found.group(1), labels] = float(found.group(3))
        return samples

    def requests_by_code(self):
        counts = collections.Counter()
        for (name, labels), value in self.metrics().items():
            if name == "trunkline_requests_total":
                counts[dict(labels)["code"]] += int(value)
        return counts

    def test_counts_are_those_of_the_clients(self):
        with Load(self.kit.port) as load:
            load.getters(4).posters(1).streamers(2).websockets(2)
            time.sleep(0.7)
            victim = system.service_pid(self.kit.instances("echo")[0])
            os.kill(victim, 9)
            time.sleep(1.2)
        report = load.report(killed={victim})
        print(report)
        self.assertEqual(report.failed("get", "stream", "websocket"), [], report)
        accepted = ("trunkline_connections_accepted_total", (("door", "gateway"),))
        before = processes.wait_until(lambda: self.metrics()[accepted], 5, "connections to be counted")
        for _ in range(3):
            self.assertEqual(self.kit.get("/echo", {"Host": "x", "traceparent": "nonsense"})[0], 200)
        processes.wait_until(lambda: self.metrics()[accepted] == before + 3, 5,
                             lambda: f"{before + 3} connections in {self.metrics()[accepted]}")
        answered = report.ok["get"] + report.ok["post"] + report.ok["stream"] + 3
        truncated = [failure for failure in report.apart if failure.kind == "stream"]
        tunnels = report.ok["websocket"] + len(report.apart) - len(truncated)
        counts = processes.wait_until(lambda: (c := self.requests_by_code()) and c["1xx"] == tunnels and c, 5,
                                      lambda: f"{tunnels} upgraded connections in {self.requests_by_code()}")
        self.assertEqual(counts["2xx"], answered + len(truncated), counts)
        self.assertEqual(counts["4xx"], 0, counts)
        self.assertEqual(counts["5xx"], len(report.failed("post")), counts)

        def records():
            return [json.loads(line) for line in (self.kit.folder / "access.log").read_text().splitlines()]
        processes.wait_until(lambda: len(records()) >= sum(counts.values()), 5, lambda: f"{sum(counts.values())} records")
        self.assertEqual(len(records()), sum(counts.values()), "one record a request, no more")
        self.assertEqual(len({record["trace"] for record in records()}), len(records()), "each with a trace of its own")
        processes.wait_until(lambda: self.kit.services()["echo"]["traffic"]["total"] == sum(counts.values()), 8,
                             lambda: f"{sum(counts.values())} requests shown in {self.kit.services()['echo']['traffic']}")
        self.kit.stop()

    def test_a_trace_of_the_client_is_continued_and_its_request_id_kept(self):
        trace = os.urandom(16).hex()
        _, body, headers = self.kit.get("/echo", {"traceparent": f"00-{trace}-{os.urandom(8).hex()}-01",
                                                  "X-Request-Id": "mine-1"})
        seen = json.loads(body)["headers"]
        self.assertEqual(seen["traceparent"].split("-")[1], trace)
        self.assertEqual(seen["x-request-id"], "mine-1")
        self.assertEqual(headers["X-Trace-Id"], trace)
        self.assertEqual(self.kit.cli("why", trace)["trace"], trace)

    def test_the_admin_api_wants_its_token(self):
        for path in ("/metrics", "/api/status", "/anything"):
            self.assertEqual(self.ask_admin(path, None)[0], 401, path)
            self.assertEqual(self.ask_admin(path, "wrong")[0], 401, path)
        mode = os.stat(self.kit.folder / ".trunkline" / "admin.token").st_mode
        self.assertEqual(mode & 0o077, 0, "the token can be read by others")


if __name__ == "__main__":
    unittest.main()
