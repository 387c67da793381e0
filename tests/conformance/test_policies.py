# deadline: 120
"""Policies of the gateway by a real client against the real binary: what each accepts, refuses and changes, at which of the
four places it stands, and what `routes --effective` and `why` say of it."""
import unittest

import system

MANIFEST = """
system: policies
telemetry: { access_log: none }
gateway:
  listen: <port>
  policies:
    cors: https://shop.example
  routes:
    - { path: /plain/*, to: plain }
    - { path: /wild/*, to: plain, policies: { cors: { origins: ["https://*.shop.example"], credentials: true, expose: [X-Instance], max_age: 1h } } }
    - { path: /all/*, to: plain, policies: { cors: "*" } }
    - { path: /off/*, to: plain, policies: { off: [cors] } }
    - { path: /down/*, to: down }
contexts:
  test:
    plain: { run: "<python> <service>" }
    down: { address: "127.0.0.1:1", health: { none: true } }
"""
SERVICE = system.ROOT / "tests/kit/service.py"


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.system = system.System(MANIFEST, service=SERVICE).start()
        cls.addClassCleanup(cls.system.stop)

    def ask(self, method, path, **headers):
        return self.system.ask(method, path, [(name.replace("_", "-"), value) for name, value in headers.items()])


class Cors(Case):
    ALLOWED = "Access-Control-Allow-Origin"

    def preflight(self, path, origin):
        return self.ask("OPTIONS", path, Origin=origin, Access_Control_Request_Method="PUT",
                        Access_Control_Request_Headers="x-own, content-type")

    def test_a_preflight_is_answered_here(self):
        answer = self.preflight("/plain/echo", "https://shop.example")
        self.assertEqual((answer.status, answer.body), (204, b""))
        self.assertEqual(answer.headers.get(self.ALLOWED), "https://shop.example")
        self.assertIn("PUT", answer.headers.get("Access-Control-Allow-Methods"))
        self.assertEqual(answer.headers.get("Access-Control-Allow-Headers"), "x-own, content-type")
        self.assertEqual(answer.headers.get("Access-Control-Max-Age"), "600")
        self.assertIsNone(answer.headers.get("X-Instance"), "it has not reached the service")

    def test_a_preflight_of_a_stranger_gets_no_fields(self):
        for origin in ["https://evil.example", "http://shop.example", "https://shop.example.evil.example", "null"]:
            answer = self.preflight("/plain/echo", origin)
            self.assertEqual(answer.status, 204)
            self.assertIsNone(answer.headers.get(self.ALLOWED), origin)
            self.assertIsNone(answer.headers.get("Access-Control-Allow-Methods"), origin)

    def test_answers_say_who_may_read_them(self):
        answer = self.ask("GET", "/plain/echo", Origin="https://shop.example")
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.headers.get(self.ALLOWED), "https://shop.example")
        self.assertEqual(answer.headers.get("Vary"), "Origin")
        self.assertIsNone(answer.headers.get("Access-Control-Allow-Credentials"))
        answer = self.ask("GET", "/plain/echo", Origin="https://evil.example")
        self.assertEqual(answer.status, 200)
        self.assertIsNone(answer.headers.get(self.ALLOWED))
        self.assertEqual(answer.headers.get("Vary"), "Origin")

    def test_refusals_can_be_read_too(self):
        answer = self.ask("GET", "/down/x", Origin="https://shop.example")
        self.assertEqual(answer.status, 502)
        self.assertEqual(answer.headers.get(self.ALLOWED), "https://shop.example")

    def test_wildcards_take_what_is_below_and_nothing_else(self):
        for origin, good in [("https://a.shop.example", True), ("https://a.b.shop.example", True),
                             ("https://shop.example", False), ("https://.shop.example", False),
                             ("https://evil.example/.shop.example", False), ("https://evil@a.shop.example", False),
                             ("http://a.shop.example", False), ("https://ashop.example", False)]:
            answer = self.ask("GET", "/wild/echo", Origin=origin)
            self.assertEqual(answer.headers.get(self.ALLOWED), origin if good else None, origin)
        answer = self.ask("GET", "/wild/echo", Origin="https://a.shop.example")
        self.assertEqual(answer.headers.get("Access-Control-Allow-Credentials"), "true")
        self.assertEqual(answer.headers.get("Access-Control-Expose-Headers"), "X-Instance")

    def test_everybody_and_nobody(self):
        self.assertEqual(self.ask("GET", "/all/echo", Origin="https://any.example").headers.get(self.ALLOWED), "*")
        answer = self.preflight("/off/echo", "https://shop.example")
        self.assertIsNone(answer.headers.get(self.ALLOWED))
        self.assertIsNotNone(answer.headers.get("X-Instance"), "without the policy a preflight is the service's")

    def test_why_tells_of_it(self):
        answer = self.preflight("/plain/echo", "https://evil.example")
        said = self.system.cli("why", answer.headers.get("X-Trace-Id")).stdout
        self.assertIn("cors: preflight of an origin that is not allowed", said)

    def test_effective_says_what_holds_and_from_where(self):
        said = self.system.cli("routes", "--effective", "/wild/1").stdout
        self.assertIn("/wild/* to plain", said)
        self.assertIn("cors  from route /wild/*", said)
        self.assertIn("from gateway", self.system.cli("routes", "--effective", "/plain/1").stdout)
        self.assertIn("no policies", self.system.cli("routes", "--effective", "/off/1").stdout)
        unknown = self.system.cli("routes", "--effective", "/nothing")
        self.assertEqual(unknown.returncode, 1)
        self.assertIn("no route takes GET /nothing", unknown.stderr)


if __name__ == "__main__":
    unittest.main()
