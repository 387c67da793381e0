# deadline: 60
"""Services that call each other: by address, by name, and only whom the manifest allows. And `why`, which tells it."""
import json
import pathlib
import re
import secrets
import unittest

import system
import wire

NODE = pathlib.Path(__file__).parent / "node.py"
MANIFEST = """system: mesh
mode: development
telemetry: { access_log: none }
gateway:
  listen: <port>
  routes:
    - { path: /front/*, rewrite: /*, to: front }
    - { path: /lonely/*, rewrite: /*, to: lonely }
    - { path: /outside/*, to: outside }
contexts:
  shop:
    front:
      run: <python> <node>
      health: /
      calls: [order-book, outside]
      env: { TEST_GREETING: hello }
    order-book:
      run: <python> <node>
      health: /
      replicas: 2
      calls: [stock]
  store:
    stock: { run: "<python> <node>", health: / }
    lonely: { run: "<python> <node>", health: / }
    outside: { address: "127.0.0.1:<outside>", timeout: 500ms }
"""


def setUpModule():
    global mesh, outside
    outside = wire.Backend("outside")
    unittest.addModuleCleanup(outside.close)
    mesh = system.System(MANIFEST, node=NODE, outside=outside.port).start()
    unittest.addModuleCleanup(mesh.stop)


def hops_of(tree):
    """All hops of why's JSON, parents before children."""
    found, waiting = [], list(tree["hops"])
    while waiting:
        hop = waiting.pop(0)
        found.append(hop)
        waiting = hop["calls"] + waiting
    return found


class Calls(unittest.TestCase):
    def get(self, path, headers=()):
        answer = mesh.ask("GET", path, headers)
        self.assertEqual(answer.status, 200, answer)
        return answer.json()

    def test_a_service_finds_what_it_needs_in_its_environment(self):
        seen = self.get("/front/")["environment"]
        self.assertEqual((seen["SERVICE"], seen["TEST_GREETING"]), ("front", "hello"))
        self.assertRegex(seen["INSTANCE"], r"\Afront-\d+\Z")
        self.assertRegex(seen["ORDER_BOOK_URL"], r"\Ahttp://127\.0\.0\.1:\d+\Z")
        self.assertRegex(seen["HTTP_PROXY"], r"\Ahttp://127\.0\.0\.1:\d+/?\Z")
        self.assertEqual(seen["http_proxy"], seen["HTTP_PROXY"])
        self.assertIn("127.0.0.1", seen["NO_PROXY"])
        self.assertNotIn("STOCK_URL", seen)
        self.assertNotIn("ORDER_BOOK_URL", self.get("/lonely/")["environment"])

    def test_by_address(self):
        answer = self.get("/front/call/order-book/a/b?c=d")
        self.assertEqual((answer["status"], answer["answer"]["service"]), (200, "order-book"))

    def test_by_name_through_the_proxy(self):
        for name in ("order-book", "outside", "ORDER-BOOK"):
            with self.subTest(name):
                answer = self.get(f"/front/proxy/{name}/hello")
                self.assertEqual(answer["status"], 200)
        self.assertEqual(outside.requests("/hello")[0].headers.all("host"), ["outside"])

    def test_both_replicas_are_used(self):
        seen = {self.get("/front/call/order-book/")["answer"]["instance"] for _ in range(40)}
        self.assertEqual(seen, {"order-book-1", "order-book-2"})

    def test_who_is_not_in_calls_is_refused_with_the_line_to_add(self):
        for caller, callee, line in [("front", "stock", "calls: [order-book, outside, stock]"), ("lonely", "front", "calls: [front]")]:
            with self.subTest(caller):
                before = len(outside.seen)
                answer = self.get(f"/{caller}/proxy/{callee}/")
                self.assertEqual(answer["status"], 403)
                problem = answer["answer"]
                self.assertEqual(problem["cause"], "not_allowed")
                for word in (f'"{caller}"', f'"{callee}"', line, "trunkline.yaml:"):
                    self.assertIn(word, problem["detail"])
                self.assertEqual(len(outside.seen), before)
        # The line it names is that of the caller's `calls`, or of the caller.
        detail = self.get("/front/proxy/stock/")["answer"]["detail"]
        line = int(re.search(r"trunkline\.yaml:(\d+)", detail)[1])
        text = mesh.manifest.read_text(encoding="utf-8").splitlines()[line - 1]
        self.assertTrue("calls:" in text or "front:" in text, text)

    def test_a_host_that_is_no_service_is_named(self):
        for host in ("nowhere", "example.com", "stock.example.com", "192.0.2.1:8080"):
            with self.subTest(host):
                answer = self.get(f"/front/proxy/{host}/")
                self.assertEqual((answer["status"], answer["answer"]["cause"]), (404, "no_such_service"))
                self.assertIn("order-book", answer["answer"]["detail"])

    def test_host_decides_and_not_a_forged_target(self):
        # The sidecar of one workload sends everything to its callee, whatever Host claims.
        seen = self.get("/front/")["environment"]
        port = int(seen["ORDER_BOOK_URL"].rsplit(":", 1)[1])
        self.assertEqual(wire.ask(port, "GET", "/", host="stock").json()["service"], "order-book")

    def test_a_callee_that_is_silent_times_out(self):
        outside.on("/silent", lambda exchange: system.pause(1.2))
        answer = self.get("/front/call/outside/silent")
        self.assertEqual((answer["status"], answer["answer"]["cause"]), (504, "upstream_timeout"))

    def test_what_has_no_route_is_reached_by_no_path(self):
        self.assertEqual(mesh.ask("GET", "/stock/").status, 404)


class Why(unittest.TestCase):
    def why(self, trace, *arguments):
        return mesh.cli("why", trace, *arguments)

    def tree(self, trace):
        """The trace, once all of its hops have ended."""
        done = wire.wait_until(lambda: self.found(trace), what="the trace's record")
        return json.loads(done.stdout)

    def found(self, trace):
        done = self.why(trace, "--json")
        return done if done.returncode == 0 else None

    def test_a_trace_goes_on_over_all_hops_and_why_shows_the_tree(self):
        answer = mesh.ask("GET", "/front/chain/order-book,stock", {"X-Request-Id": "order-7"})
        trace = answer.headers.get("x-trace-id")
        stock = answer.json()["answer"]["answer"]
        self.assertEqual(stock["service"], "stock")
        stock_saw = wire.Headers(stock["headers"].items())
        self.assertEqual(stock_saw.get("traceparent").split("-")[1], trace)
        self.assertEqual(stock_saw.get("x-request-id"), "order-7")
        tree = self.tree(trace)
        self.assertEqual((tree["trace"], tree["complete"]), (trace, True))
        hops = hops_of(tree)
        self.assertEqual([(h.get("caller"), h["service"], h["status"]) for h in hops],
                         [(None, "front", 200), ("front", "order-book", 200), ("order-book", "stock", 200)])
        self.assertEqual([h["door"] for h in hops], ["gateway", "sidecar", "sidecar"])
        self.assertEqual({h["request_id"] for h in hops}, {"order-7"})
        self.assertTrue(all(h["instance"].startswith(h["service"]) and h["duration_ms"] > 0 for h in hops))
        for parent, child in zip(hops, hops[1:]):
            self.assertEqual(child["parent"], parent["span"])
            self.assertLessEqual(child["duration_ms"], parent["duration_ms"])
        text = self.why(trace).stdout
        self.assertIn(trace, text)
        self.assertIn("3 hops", text)
        lines = [line for line in text.splitlines() if "->" in line]
        self.assertEqual(len(lines), 3)
        columns = [re.search(r"\S+ -> ", line).start() for line in lines]
        self.assertTrue(columns[0] < columns[1] < columns[2], text)
        self.assertNotIn("\x1b", text)

    def test_the_first_digits_are_enough(self):
        trace = mesh.ask("GET", "/front/").headers.get("x-trace-id")
        self.tree(trace)
        for prefix in (trace[:8], trace[:16].upper()):
            self.assertEqual(json.loads(self.why(prefix, "--json").stdout)["trace"], trace)

    def test_a_clients_own_trace_is_continued(self):
        trace = secrets.token_hex(16)
        mesh.ask("GET", "/front/call/order-book/", {"traceparent": f"00-{trace}-b7ad6b7169203331-01"})
        tree = self.tree(trace)
        self.assertEqual((tree["hops"][0]["place"], tree["hops"][0]["parent"]), ("continued", "b7ad6b7169203331"))
        self.assertIn("continues a trace of the client", self.why(trace).stdout)

    def test_a_failure_is_told_with_its_cause(self):
        outside.on("/breaks", lambda exchange: False)
        answer = mesh.ask("GET", "/front/call/outside/breaks")
        self.assertEqual(answer.json()["status"], 502)
        tree = self.tree(answer.headers.get("x-trace-id"))
        failed = hops_of(tree)[1]
        self.assertEqual((failed["cause"], failed["status"], failed["service"]), ("upstream_reset", 502, "outside"))
        self.assertEqual(failed["attempts"], 3)
        self.assertEqual(len(failed["tried"]), 3)
        text = self.why(tree["trace"]).stdout
        self.assertIn("upstream_reset", text)
        self.assertIn("attempt 3", text)

    def test_a_denied_call_is_in_the_tree(self):
        trace = mesh.ask("GET", "/front/proxy/stock/").headers.get("x-trace-id")
        failed = hops_of(self.tree(trace))[1]
        self.assertEqual((failed["caller"], failed["service"], failed["cause"]), ("front", "stock", "not_allowed"))

    def test_what_is_unknown_or_no_id_is_said_so(self):
        for trace, words in [(secrets.token_hex(16), "no request of trace"), ("zz", "trace id"), ("abcdef1", "at least the first 8")]:
            for arguments in ((), ("--json",)):
                with self.subTest(trace + str(arguments)):
                    done = self.why(trace, *arguments)
                    self.assertIn(done.returncode, (1, 2) if trace in ("zz", "abcdef1") else (1,))
                    self.assertIn(words, (done.stderr + done.stdout).lower())

    def test_an_id_is_needed(self):
        self.assertEqual(mesh.cli("why").returncode, 2)


if __name__ == "__main__":
    unittest.main()
