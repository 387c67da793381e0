# deadline: 180
"""Open Policy Agent decides, by a real client through the real binary. No OPA is installed where these tests run: what
answers is a small server that speaks its documented data API and nothing else (POST /v1/data/PATH with {"input": ...};
{"result": ...}, {} when undefined, errors as {"code", "message"}), with rules written in Python."""
import json
import socket
import time
import unittest

import system
import wire

MANIFEST = """
system: policed
telemetry: { access_log: none }
gateway:
  listen: <port>
  threads: 1
  routes:
    - { path: /open/*, to: echo }
    - { path: /told/*, to: echo, policies: { auth: [api_key, anonymous], opa: { service: opa, path: shop/told, send: [X-Tenant, Cookie] } } }
    - { path: /orders/*, to: echo, policies: { opa: { service: opa, path: shop/orders/allow, send: X-User-Name } } }
    - { path: /says/*, to: echo, policies: { opa: { service: opa, path: shop/says, take: [X-User, X-Groups], send: X-Case } } }
    - { path: /lenient/*, to: echo, policies: { opa: { service: opa, path: shop/says, take: X-User, send: X-Case, on_failure: allow, timeout: 300ms } } }
    - { path: /audit/*, to: echo, policies: { opa: { service: opa, path: shop/says, take: X-User, send: X-Case, audit: true } } }
    - { path: /kept/*, to: echo, policies: { opa: { service: opa, path: shop/kept, take: X-User, send: X-Name, cache: 30s } } }
    - { path: /short/*, to: echo, policies: { opa: { service: opa, path: shop/short, send: X-Name, cache: { for: 200ms, most: 2 } } } }
    - { path: /moments/*, to: echo, policies: { opa: { service: opa, path: shop/says, send: X-Case, cache: 30s } } }
    - { path: /nothing/*, to: echo, policies: { opa: { service: opa, path: shop/no/such/rule, on_failure: allow } } }
    - { path: /gone/*, to: echo, policies: { opa: { service: gone, path: shop/says } } }
    - { path: /gone-open/*, to: echo, policies: { opa: { service: gone, path: shop/says, take: X-User, on_failure: allow } } }
contexts:
  test:
    echo: { address: "127.0.0.1:<echo>", health: { none: true } }
    opa: { address: "127.0.0.1:<opa>", health: { none: true }, breaker: { enabled: false }, outlier: { enabled: false }, retry: { attempts: 1 } }
    gone: { address: "127.0.0.1:1", health: { none: true } }
"""
UNDEFINED = object()

# What shop/says says, as the text of its result.
RESULTS = {
    "yes": "true",
    "no": "false",
    "null": "null",
    "text": '"true"',
    "number": "1",
    "list": "[true]",
    "empty": "{}",
    "allow-text": '{"allow": "true"}',
    "allow-number": '{"allow": 1}',
    "allowed": '{"allow": true, "headers": {"X-User": "ada", "X-Groups": ["a", "b"], "X-Inner": "1", "Host": "evil"}, "reason": "owner"}',
    "refused": '{"allow": false, "status": 402, "headers": {"WWW-Authenticate": "Bearer", "X-Inner": "1"}, "reason": "not \\u001b[31myours"}',
    "redirect": '{"allow": false, "status": 302, "headers": {"Location": "/sign-in"}}',
    "nowhere": '{"allow": false, "status": 302}',
    "status-text": '{"allow": false, "status": "401"}',
    "status-wild": '{"allow": false, "status": 99999999999999999999}',
    "status-200": '{"allow": false, "status": 200}',
    "cookie": '{"allow": false, "headers": {"Set-Cookie": "state=1"}}',
    "crlf": '{"allow": true, "headers": {"X-User": "ada\\r\\nX-Admin: yes"}}',
    "crlf-refused": '{"allow": false, "headers": {"Location": "/a\\r\\nSet-Cookie: sid=1"}}',
    "nul": '{"allow": true, "headers": {"X-User": "a\\u0000"}}',
    "number-header": '{"allow": true, "headers": {"X-User": 7}}',
    "headers-list": '{"allow": true, "headers": ["X-User"]}',
    "long": '{"allow": true, "headers": {"X-User": "' + "x" * 20_000 + '"}}',
    "huge": '"' + "x" * 100_000 + '"',
    "deep": "[" * 5000 + "]" * 5000,
    "twice": '{"allow": false, "allow": true}',
}
# Whole answers that the API does not give.
RAW = {
    "page": (200, "<html>it works</html>"),
    "cut": (200, '{"result": tr'),
    "bare": (200, "true"),
    "two": (200, '{"result": false, "result": true}'),
    "400": (400, '{"code": "invalid_parameter", "message": "bad"}'),
    "404": (404, "no"),
    "500": (500, '{"code": "internal_error", "message": "eval_conflict_error: complete rules must not produce multiple outputs"}'),
    "503": (503, ""),
    "302": (302, ""),
}


class Opa:
    """The data API: a rule is a function of the input."""
    def __init__(self):
        self.backend = wire.Backend("opa")
        self.backend.on("/", self.answer)
        self.inputs, self.wrong = [], []

    def answer(self, exchange):
        seen = exchange.seen
        body = exchange.read_body()
        try:
            document = json.loads(body)
            good = seen.method == "POST" and seen.headers.get("content-type") == "application/json" and list(document) == ["input"]
        except ValueError:
            good = False
        if not good or not seen.target.startswith("/v1/data/"):
            self.wrong.append((seen, body))
            exchange.reply(400, json.dumps({"code": "invalid_parameter", "message": "no such request"}))
            return None
        told = document["input"]
        self.inputs.append((seen.target.removeprefix("/v1/data/"), told))
        return self.decide(exchange, seen.target.removeprefix("/v1/data/"), told)

    def decide(self, exchange, rule, told):
        if rule == "shop/says":
            case = told["headers"].get("x-case", "yes")
            if case == "slow":
                time.sleep(1.5)
            if case in RAW:
                exchange.reply(*RAW[case])
                return None
            exchange.reply(200, '{"decision_id": "7", "result": ' + RESULTS.get(case, "true") + "}", [("Content-Type", "application/json")])
            return None
        result = {"shop/told": self.told, "shop/orders/allow": self.orders, "shop/kept": self.kept,
                  "shop/short": self.kept}.get(rule, lambda _: UNDEFINED)(told)
        exchange.reply(200, json.dumps({} if result is UNDEFINED else {"result": result}))
        return None

    def told(self, _):
        return True

    def orders(self, told):
        """Callers read their own orders: allow if input.method == "GET"; input.path == ["orders", user]."""
        if told["method"] == "GET" and told["path"] == ["orders", told["headers"].get("x-user-name")]:
            return True
        return UNDEFINED

    def kept(self, told):
        name = told["headers"].get("x-name", "")
        return {"allow": name != "mallory", "headers": {"X-User": name}}

    def asked(self, rule):
        return sum(1 for path, _ in self.inputs if path == rule)


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.echo, cls.opa = wire.Backend("echo"), Opa()
        cls.addClassCleanup(cls.echo.close)
        cls.addClassCleanup(cls.opa.backend.close)
        cls.system = system.System(MANIFEST, echo=cls.echo.port, opa=cls.opa.backend.port).start()
        cls.addClassCleanup(cls.system.stop)

    def tearDown(self):
        self.assertEqual(self.opa.wrong, [])

    def ask(self, path, status, *headers, method="GET", body=None):
        """By lines of its own, so that a header may come twice."""
        lines = [f"{method} {path} HTTP/1.1", "Host: conform.test", *(f"{name}: {value}" for name, value in headers)]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        with self.system.client() as client:
            client.send("\r\n".join(lines).encode() + b"\r\n\r\n" + (body or b""))
            answer = client.response(method)
        self.assertEqual(answer.status, status, answer)
        return answer

    def ask_from(self, address, path, status, *headers):
        """By another client address of this machine."""
        client = wire.Client.__new__(wire.Client)
        wire.Wire.__init__(client, socket.create_connection(("127.0.0.1", self.system.port), 10, (address, 0)))
        with client:
            answer = client.ask("GET", path, list(headers))
        self.assertEqual(answer.status, status, answer)
        return answer

    def passed(self, path, *headers, method="GET", body=None):
        """What the service saw, as a wire.Headers."""
        return wire.Headers(map(tuple, self.ask(path, 200, *headers, method=method, body=body).json()["headers"]))

    def refused(self, path, status, cause, *headers, method="GET"):
        before = len(self.echo.seen)
        answer = self.ask(path, status, *headers, method=method)
        self.assertEqual(answer.json()["cause"], cause, answer)
        self.assertEqual(len(self.echo.seen), before, "it has reached the service")
        return answer

    def why(self, answer):
        return self.system.cli("why", answer.headers.get("X-Trace-Id")).stdout


class Told(Case):
    def test_the_input_is_what_the_page_says(self):
        key = json.loads(self.system.cli("keys", "create", "ada", "--plan", "gold", "--scope", "orders:read", "--json").stdout)["key"]
        self.passed("/told/a%2Fb//%C3%A9/?x=1&y=a%20b+c&x=2&z&%3D=1", ("X-API-Key", key), ("X-Tenant", "acme"), ("X-Tenant", "other"),
                    ("Cookie", "a=1"), ("Cookie", "b=2"), ("X-Private", "1"), ("X-Forwarded-For", "6.6.6.6"), method="PATCH", body=b"stays")
        rule, told = self.opa.inputs[-1]
        self.assertEqual(rule, "shop/told")
        identity = told.pop("identity")
        self.assertEqual(told, {
            "method": "PATCH", "path": ["told", "a/b", "", "\u00e9", ""], "query": {"x": ["1", "2"], "y": ["a b c"], "z": [""], "=": ["1"]},
            "host": "conform.test", "scheme": "http", "headers": {"x-tenant": "acme, other", "cookie": "a=1; b=2"},
            "client": {"address": "127.0.0.1"}, "route": "/told/*", "service": "echo"})
        self.assertEqual({name: identity[name] for name in ["method", "subject", "plan", "scopes", "roles"]},
                         {"method": "api_key", "subject": "ada", "plan": "gold", "scopes": ["orders:read"], "roles": []})
        self.assertIsInstance(identity["claims"], dict)
        self.assertNotIn(key, json.dumps(identity))

    def test_nobody_is_told_as_nobody(self):
        self.passed("/told/x")
        self.assertEqual(self.opa.inputs[-1][1]["identity"]["method"], "anonymous")
        self.passed("/says/x")
        self.assertIsNone(self.opa.inputs[-1][1]["identity"])

    def test_bytes_that_are_no_text_do_not_break_it(self):
        self.passed("/told/%ff%fe?a=%ff", ("X-Tenant", 'a"},"identity":{"subject":"root"'))
        told = self.opa.inputs[-1][1]
        self.assertEqual(told["path"], ["told", "\ufffd\ufffd"])
        self.assertEqual(told["headers"]["x-tenant"], 'a"},"identity":{"subject":"root"')
        self.assertNotEqual((told["identity"] or {}).get("subject"), "root")

    def test_a_request_with_two_credentials_is_not_asked_about(self):
        before = len(self.opa.inputs)
        self.refused("/says/x", 400, "bad_request", ("Authorization", "a"), ("Authorization", "b"))
        self.assertEqual(len(self.opa.inputs), before)


class Decides(Case):
    def test_rules_decide_by_the_input(self):
        self.passed("/orders/ada", ("X-User-Name", "ada"))
        answer = self.refused("/orders/ada", 403, "forbidden", ("X-User-Name", "bob"))
        self.assertIn("opa: opa says 403: undefined", self.why(answer))
        self.refused("/orders/ada/", 403, "forbidden", ("X-User-Name", "ada"))
        self.refused("/orders/ada", 403, "forbidden", ("X-User-Name", "ada"), method="DELETE")
        self.refused("/nothing/x", 403, "forbidden")

    def test_only_a_clear_yes_is_one(self):
        self.passed("/says/x", ("X-Case", "yes"))
        for case in ["no", "null", "text", "number", "list", "empty", "allow-text", "allow-number"]:
            with self.subTest(case):
                self.refused("/says/x", 403, "forbidden", ("X-Case", case))
                self.refused("/lenient/x", 403, "forbidden", ("X-Case", case))

    def test_what_an_object_says_is_done(self):
        answer = self.ask("/says/x", 200, ("X-Case", "allowed"), ("X-User", "root"), ("x_user", "root"), ("X-Groups", "admin"))
        got = wire.Headers(map(tuple, answer.json()["headers"]))
        self.assertEqual((got.all("x-user"), got.all("x-groups"), got.all("x_user")), (["ada"], ["a", "b"], []))
        self.assertEqual((got.all("x-inner"), got.get("host")), ([], "conform.test"))
        self.assertIn("opa: opa allows: owner", self.why(answer))
        answer = self.refused("/says/x", 402, "forbidden", ("X-Case", "refused"))
        self.assertEqual(answer.headers.all("www-authenticate"), ["Bearer"])
        self.assertIsNone(answer.headers.get("x-inner"))
        self.assertIn("yours", answer.json()["detail"])
        self.assertNotIn("\x1b", answer.json()["detail"])
        answer = self.refused("/says/x", 302, "unauthenticated", ("X-Case", "redirect"))
        self.assertEqual(answer.headers.all("location"), ["/sign-in"])

    def test_a_status_that_is_none_refuses_all_the_same(self):
        for case in ["nowhere", "status-text", "status-wild", "status-200"]:
            with self.subTest(case):
                self.refused("/lenient/x", 403, "forbidden", ("X-Case", case))

    def test_forged_copies_reach_nobody_on_any_route(self):
        for path in ["/open/x", "/told/x", "/gone-open/x", "/says/x", "/audit/x"]:
            got = self.passed(path, ("X-User", "root"), ("X_User", "root"), ("X-Groups", "admin"))
            self.assertEqual((got.all("x-user"), got.all("x_user"), got.all("x-groups")), ([], [], []), path)

    def test_hostile_and_foreign_answers_refuse_even_with_allow(self):
        for case in ["crlf", "crlf-refused", "nul", "number-header", "headers-list", "long", "huge", "deep", "twice",
                     "page", "cut", "bare", "two", "400", "404", "500", "302"]:
            with self.subTest(case):
                answer = self.refused("/lenient/x", 503, "policy_unavailable", ("X-Case", case))
                self.assertIsNone(answer.headers.get("set-cookie"))
                self.assertIn("did not decide", self.why(answer))

    def test_nobody_answers(self):
        self.refused("/says/x", 503, "policy_unavailable", ("X-Case", "503"))
        self.passed("/lenient/x", ("X-Case", "503"))
        self.refused("/says/x", 503, "policy_unavailable", ("X-Case", "slow"))
        began = time.monotonic()
        self.passed("/lenient/x", ("X-Case", "slow"))
        self.assertLess(time.monotonic() - began, 1.0)
        self.refused("/gone/x", 503, "policy_unavailable")
        self.passed("/gone-open/x")

    def test_audit_only_notes_and_counts(self):
        answer = self.ask("/audit/x", 200, ("X-Case", "no"))
        self.assertIn("opa: would refuse: opa says 403", self.why(answer))
        self.ask("/audit/x", 200, ("X-Case", "page"))
        with socket.socket(socket.AF_UNIX) as admin:
            admin.connect(str(self.system.folder / ".trunkline/admin.sock"))
            admin.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            page = admin.makefile("rb").read().decode()
        self.assertRegex(page, r'trunkline_policy_audited_total\{policy="opa",route="/audit/\*"\} [2-9]')


class Kept(Case):
    def test_a_decision_is_kept_for_its_input_alone(self):
        before = self.opa.asked("shop/kept")
        for _ in range(3):
            self.assertEqual(self.passed("/kept/1", ("X-Name", "ada"), ("X-Other", "7")).all("x-user"), ["ada"])
            self.refused("/kept/1", 403, "forbidden", ("X-Name", "mallory"))
        self.assertEqual(self.opa.asked("shop/kept") - before, 2)
        self.assertEqual(self.passed("/kept/1", ("X-Name", "bob")).all("x-user"), ["bob"])
        self.passed("/kept/2", ("X-Name", "ada"))
        self.passed("/kept/1?x", ("X-Name", "ada"))
        self.passed("/kept/1", ("X-Name", "ada"), method="PUT")
        self.assertEqual(self.opa.asked("shop/kept") - before, 6)
        answer = self.ask("/kept/1", 200, ("X-Name", "ada"))
        self.assertIn("opa: opa allows as before", self.why(answer))

    def test_addresses_do_not_share(self):
        before = self.opa.asked("shop/kept")
        for _ in range(2):
            for address in ["127.0.0.2", "127.0.0.3"]:
                self.ask_from(address, "/kept/address", 200, ("X-Name", "ada"))
        self.assertEqual(self.opa.asked("shop/kept") - before, 2)

    def test_it_ends(self):
        before = self.opa.asked("shop/short")
        self.passed("/short/x")
        wire.wait_until(lambda: self.passed("/short/x") and self.opa.asked("shop/short") - before >= 2, 3, "it to be asked again")

    def test_what_is_meant_for_one_client_is_not_kept(self):
        for case, status in [("redirect", 302), ("cookie", 403), ("page", 503)]:
            before = self.opa.asked("shop/says")
            for _ in range(2):
                self.ask("/moments/x", status, ("X-Case", case))
            self.assertEqual(self.opa.asked("shop/says") - before, 2, case)


class Manifests(unittest.TestCase):
    def check(self, policy):
        text = ("system: a\ngateway:\n  routes:\n    - path: /*\n      to: echo\n      policies:\n        opa: " + policy +
                "\ncontexts: { x: { echo: { run: x }, opa: { run: y } } }\n")
        one = system.System(text)
        self.addCleanup(one.stop)
        done = one.cli("check")
        return done.returncode, done.stdout + done.stderr

    def test_mistakes_are_told_at_their_place(self):
        for policy, says in [
                ("{ service: oppa, path: a/b }", 'trunkline.yaml:7:25: error: an opa policy asks "oppa", which is no service; did you mean "opa"?'),
                ("{ service: opa }", '"path"'),
                ("{ path: a/b }", '"service"'),
                ("{ service: opa, path: /v1/data/a }", "is no rule; data.shop.allow is shop/allow"),
                ("{ service: opa, path: data.shop.allow }", "is no rule; data.shop.allow is shop/allow"),
                ("{ service: opa, path: ../policies }", "is no rule"),
                ("{ service: opa, path: a, take: [Cookie] }", "another meaning"),
                ("{ service: opa, path: a, cache: { for: 0s } }", "for")]:
            code, said = self.check(policy)
            self.assertEqual(code, 2, policy)
            self.assertIn(says, said, policy)
        self.assertEqual(self.check("{ service: opa, path: shop/allow, cache: 5s }")[0], 0)


if __name__ == "__main__":
    unittest.main()
