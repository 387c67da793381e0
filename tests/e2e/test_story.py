# deadline: 120
"""The shop under the real binary: the customer's story, what `why` tells of an order, and what Trunkline needs for it."""
import http.client
import json
import os
import shutil
import subprocess
import tempfile
import time
import unittest

from kit import processes, system

BIN = os.environ.get("TRUNKLINE_BIN_DIR", os.path.dirname(system.BIN))
MB = 1 << 20
INSTANCES = 10  # of the shop's seven services
CALLEES = {"users", "products", "inventory", "payments", "shipping", "notifications"}


def all_hops(hops):
    for hop in hops:
        yield hop
        yield from all_hops(hop["calls"])


class Story(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        for program in ("node", "sqlite3"):
            if shutil.which(program) is None:
                raise unittest.SkipTest(f"{program} is not installed; ./dev setup does it")
        scratch = tempfile.TemporaryDirectory(prefix="trunkline-kit-", ignore_cleanup_errors=True)
        cls.addClassCleanup(scratch.cleanup)
        cls.shop = system.copy_example("shop", scratch.name)
        cls.kit = system.System(folder=cls.shop, environment={"SHOP_BIN": BIN})
        cls.addClassCleanup(cls.kit.close)
        text = cls.kit.file.read_text()
        assert "listen: 8080" in text
        text = text.replace("listen: 8080", f"listen: {cls.kit.port}")
        # So that what the shop's documents say of answers is held against them.
        cls.kit.file.write_text(text.replace("base: /api }", "base: /api, responses: report }"))
        began = time.monotonic()
        cls.kit.start(ready=False)
        processes.wait_until(lambda: processes.accepts(cls.kit.port) and cls.kit.get("/api/products")[0] == 200, 30,
                             lambda: f"a first answer; trunkline said:\n{cls.kit.said()}")
        print(f"first answer of a service {1000 * (time.monotonic() - began):.0f} ms after the start of everything")
        cls.kit.wait_ready(seconds=30)
        print(f"all {len(cls.kit.instances())} instances healthy after {1000 * (time.monotonic() - began):.0f} ms")

    def tell(self, *arguments):
        return subprocess.run([self.shop / "story", *arguments], capture_output=True, text=True, timeout=60, check=False)

    def play(self):
        done = self.tell(f"http://127.0.0.1:{self.kit.port}", "--json")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return json.loads(done.stdout)

    def test_1_the_story_ends_well_undo_included(self):
        told = self.play()
        self.assertEqual([check for check in told["checks"] if not check["ok"]], [])
        names = " ".join(check["name"] for check in told["checks"])
        self.assertIn("undone were: stock", names)
        self.assertIn("undone were: payment, stock", names)

    def test_1_a_person_reads_the_undo_and_what_to_try(self):
        told = self.tell(f"http://127.0.0.1:{self.kit.port}")
        self.assertEqual(told.returncode, 0, told.stdout + told.stderr)
        self.assertRegex(told.stdout, r"stock +undone +The reservation was released")
        self.assertIn("trunkline why", told.stdout)

    def test_1_the_story_says_so_when_there_is_no_gateway(self):
        told = self.tell("http://127.0.0.1:1")
        self.assertEqual(told.returncode, 2)
        self.assertIn("Start the shop first", told.stderr)

    def test_6_the_story_fails_when_the_shop_is_not_as_it_should_be(self):
        text = self.kit.file.read_text()
        code, said = self.kit.apply(text.replace("to: notifications,", "to: users,"))
        self.assertEqual(code, 0, said)
        told = self.tell(f"http://127.0.0.1:{self.kit.port}", "--json")
        self.assertEqual(told.returncode, 1)
        self.assertEqual([check["name"] for check in json.loads(told.stdout)["checks"] if not check["ok"]],
                         ["a message for each of her orders"])
        self.assertEqual(self.kit.apply(text)[0], 0)

    def test_7_product_search_is_limited_for_each_client(self):
        answers = [self.kit.get("/api/products")[0] for _ in range(120)]
        self.assertEqual(set(answers), {200, 429}, "50 a second, and as many at once")

    def test_2_the_portal_shows_the_whole_shop(self):
        status, document = self.kit.get("/docs/openapi.json")[:2]
        self.assertEqual(status, 200)
        document = document if isinstance(document, dict) else json.loads(document)
        self.assertLessEqual({"/api/products", "/api/products/{sku}", "/api/orders", "/api/orders/{order}", "/api/orders/{order}/events",
                              "/api/login", "/api/inventory/{rest}", "/api/me", "/api/staff/orders"}, set(document["paths"]))
        self.assertEqual(document["paths"]["/api/orders"]["post"]["security"], [{"bearer": []}])
        self.assertEqual(document["paths"]["/api/products"]["get"]["security"], [{}])
        self.assertEqual(document["paths"]["/api/staff/orders"]["get"]["x-trunkline"]["needs"], {"roles": ["staff"]})
        self.assertEqual(document["x-tagGroups"][0], {"name": "identity", "tags": ["users"]})

    def test_5_what_the_documents_say_of_answers_is_true(self):
        self.play()
        self.assertNotIn("an answer is not what its contract says", self.kit.log.read_text(errors="replace"))

    def test_2_why_shows_every_hop_of_an_order_with_its_instance(self):
        told = self.play()
        order = next(r for r in told["requests"] if r["method"] == "POST" and r["path"] == "/api/orders" and r["status"] == 201)
        trace = self.kit.cli("why", order["trace_id"])
        self.assertEqual(trace["trace"], order["trace_id"])
        self.assertTrue(trace["complete"], trace)
        self.assertEqual(len(trace["hops"]), 1, "the order is one tree")
        root = trace["hops"][0]
        self.assertEqual((root["service"], root["status"]), ("orders", 201), root)
        hops = list(all_hops(trace["hops"]))
        self.assertEqual({hop["service"] for hop in hops}, CALLEES | {"orders"})
        for hop in hops:
            self.assertTrue(hop["instance"].startswith(hop["service"]), hop)
            self.assertGreaterEqual(hop["attempts"] if isinstance(hop["attempts"], int) else len(hop["attempts"]), 1, hop)
        for hop in all_hops(root["calls"]):
            self.assertEqual(hop["caller"], "orders", hop)
        code, text, _ = self.kit.run("why", order["trace_id"])
        self.assertEqual(code, 0)
        for name in CALLEES:
            self.assertIn(f"orders -> {name}", text)

    def test_3_a_call_that_is_not_allowed_is_refused_with_the_line_to_add(self):
        """users calls nobody; its sidecar says so, and names the line."""
        users = self.kit.instances("users")[0]
        proxy = processes.variable(system.service_pid(users), "HTTP_PROXY")
        self.assertTrue(proxy, "each service is told of its sidecar")
        connection = http.client.HTTPConnection(proxy.removeprefix("http://").rstrip("/"), timeout=10)
        connection.request("GET", "http://payments/healthz")
        answer = connection.getresponse()
        problem = json.loads(answer.read())
        connection.close()
        self.assertEqual((answer.status, problem["cause"]), (403, "not_allowed"), problem)
        self.assertIn("calls: [payments]", problem["detail"])

    def test_4_trunkline_itself_stays_under_40_mb(self):
        for _ in range(3):
            self.play()
        used = processes.rss(self.kit.process.pid)
        print(f"trunkline with the shop running: {used / MB:.1f} MB resident")
        if not system.SANITIZED:
            self.assertLess(used, 40 * MB)
        self.assertEqual(len(self.kit.instances()), INSTANCES)

    def test_5_an_order_survives_the_death_of_an_instance_and_a_rolling_restart(self):
        for name in ("orders", "inventory"):
            os.kill(system.service_pid(self.kit.instances(name)[0]), 9)
            processes.wait_until(lambda name=name: self.kit.services()[name]["replicas_healthy"] == 2, 10, f"{name} to be well")
        code, out, err = self.kit.run("restart", "products")
        self.assertEqual(code, 0, out + err)
        self.play()

    def test_9_it_stops_and_leaves_nothing(self):
        print(f"stopped within {self.kit.stop():.2f} s")


if __name__ == "__main__":
    unittest.main()
