# deadline: 180
"""A service that is asked about each request, by a real client through the real binary: what it is told, what its answers
do, and what an authoriser that is slow, gone, broken or hostile cannot bring about."""
import concurrent.futures
import socket
import struct
import time
import unittest

import system
import wire

MANIFEST = """
system: asked
telemetry: { access_log: none }
gateway:
  listen: <port>
  threads: 1
  routes:
    - { path: /open/*, to: echo }
    - { path: /plain/*, to: echo, policies: { ask: authz } }
    - path: /taken/*
      to: echo
      policies: { ask: { service: authz, take: [X-User, X-Groups], send: [Authorization, X-Tenant, Cookie] } }
    - { path: /known/*, to: echo, policies: { auth: [api_key, anonymous], ask: { service: authz, path: /know } } }
    - { path: /answers/*, to: echo, policies: { ask: { service: authz, path: /answers, take: X-User, send: X-Case, on_failure: allow } } }
    - { path: /strict/*, to: echo, policies: { ask: { service: authz, path: /answers, take: X-User, send: X-Case, timeout: 300ms } } }
    - { path: /bare/*, to: echo, policies: { ask: { service: authz, path: /answers, send: X-Case, answer: [WWW-Authenticate] } } }
    - { path: /gone/*, to: echo, policies: { ask: gone } }
    - { path: /gone-open/*, to: echo, policies: { ask: { service: gone, on_failure: allow, take: X-User } } }
    - { path: /audit/*, to: echo, policies: { ask: { service: authz, take: X-User, audit: true } } }
    - path: /kept/*
      to: echo
      policies:
        ask: { service: authz, path: "/check?at=kept", send: [Authorization, Cookie], take: X-User, cache: { for: 30s, by: [header Authorization] } }
    - path: /told/*
      to: echo
      policies: { ask: { service: authz, path: "/check?at=told", take: X-User, cache: 30s } }
    - path: /short/*
      to: echo
      policies: { ask: { service: authz, path: "/check?at=short", take: X-User, cache: { for: 200ms, by: header Authorization } } }
    - path: /few/*
      to: echo
      policies: { ask: { service: authz, path: "/check?at=few", take: X-User, cache: { for: 30s, most: 2 } } }
    - path: /keyed/*
      to: echo
      policies: { auth: { api_key: { from: header X-Key } }, ask: { service: authz, path: "/know?at=keyed", take: X-User, cache: { for: 30s, by: all }, send: [] } }
    - { path: /moments/*, to: echo, policies: { ask: { service: authz, path: "/answers?at=moments", send: X-Case, cache: 30s } } }
contexts:
  test:
    echo: { address: "127.0.0.1:<echo>", health: { none: true } }
    authz: { address: "127.0.0.1:<authz>", health: { none: true }, breaker: { enabled: false }, outlier: { enabled: false }, retry: { attempts: 1 } }
    gone: { address: "127.0.0.1:1", health: { none: true } }
"""
ALICE, BOB, MALLORY = (("Authorization", f"Bearer {name}") for name in ("alice", "bob", "mallory"))


def check(exchange):
    who = (exchange.seen.headers.get("authorization") or "").removeprefix("Bearer ")
    if not who:
        exchange.reply(401, "sign in", [("WWW-Authenticate", 'Bearer realm="shop"'), ("X-User", "nobody"), ("X-Inner", "1")])
    elif who == "mallory":
        exchange.reply(403, "no", [("X-User", "mallory")])
    else:
        exchange.reply(200, "", [("X-User", who), ("X-Groups", "a"), ("X-Groups", "b"), ("X-Inner", "secret"), ("Host", "evil")])


def know(exchange):
    exchange.reply(200, "", [("X-User", exchange.seen.headers.get("x-consumer", "nobody"))])


RAW = {
    "crlf": b"HTTP/1.1 200 OK\r\nX-User: a\rX-Admin: yes\r\nContent-Length: 0\r\n\r\n",
    "nul": b"HTTP/1.1 200 OK\r\nX-User: a\x00b\r\nContent-Length: 0\r\n\r\n",
    "fold": b"HTTP/1.1 200 OK\r\nX-User: a\r\n b\r\nContent-Length: 0\r\n\r\n",
    "twice": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\nhello",
    "garbage": b"+OK I am no web server\r\n\r\n",
}


def answers(exchange):
    case = exchange.seen.headers.get("x-case")
    if case in RAW:
        exchange.send(RAW[case])
        return False
    if case == "slow":
        time.sleep(2.5)
        exchange.reply(200, "", [("X-User", "late")])
    elif case == "cut":
        exchange.send("HTTP/1.1 200 OK\r\nX-User: a\r\nContent-Length: 50\r\n\r\nhalf")
        return False
    elif case == "closed":
        return False
    elif case == "huge":
        exchange.reply(200, "x" * 1_000_000, [("X-User", "huge")])
    elif case == "long":
        exchange.reply(200, "", [("X-User", "x" * 5000)] * 4)
    elif case == "many":
        exchange.reply(200, "", [(f"X-{n}", "x" * 1000) for n in range(500)])
    elif case == "redirect":
        exchange.reply(302, "", [("Location", "https://sign.example/in?rd=a"), ("Set-Cookie", "state=1; HttpOnly"), ("X-Inner", "1")])
    elif case == "cookie":
        exchange.reply(401, "", [("Set-Cookie", "state=1"), ("WWW-Authenticate", "Basic")])
    elif case == "busy":
        exchange.reply(429, "", [("Retry-After", "7")])
    elif case == "no-store":
        exchange.reply(200, "", [("Cache-Control", "private, No-Store")])
    else:
        exchange.reply(int(case), "" if case in ("204", "304") else "x")
    return None


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.echo, cls.authz = wire.Backend("echo"), wire.Backend("authz")
        cls.addClassCleanup(cls.echo.close)
        cls.addClassCleanup(cls.authz.close)
        cls.authz.on("/check", check)
        cls.authz.on("/know", know)
        cls.authz.on("/answers", answers)
        cls.system = system.System(MANIFEST, echo=cls.echo.port, authz=cls.authz.port).start()
        cls.addClassCleanup(cls.system.stop)

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

    def refused(self, path, status, cause, *headers):
        before = len(self.echo.seen)
        answer = self.ask(path, status, *headers)
        self.assertEqual(answer.json()["cause"], cause, answer)
        self.assertEqual(len(self.echo.seen), before, "it has reached the service")
        return answer

    def asked(self, mark):
        return len(self.authz.requests(mark))

    def why(self, answer):
        return self.system.cli("why", answer.headers.get("X-Trace-Id")).stdout


class Told(Case):
    def test_it_is_told_what_the_request_is_and_no_more(self):
        self.passed("/taken/a%20b?x=1&y=%2F", ALICE, ("X-Tenant", "acme"), ("X-Other", "private"), ("Cookie", "sid=7"),
                    ("X-Forwarded-Uri", "/forged"), ("X-Forwarded-Method", "FORGED"), ("X-Forwarded-For", "6.6.6.6"),
                    ("X-Consumer", "root"), method="PATCH", body=b"the body stays here")
        seen = self.authz.seen[-1]
        self.assertEqual((seen.method, seen.target, seen.body), ("GET", "/check", b""))
        for name, value in {"X-Forwarded-Method": "PATCH", "X-Forwarded-Uri": "/taken/a%20b?x=1&y=%2F", "X-Forwarded-Proto": "http",
                            "X-Forwarded-Host": "conform.test", "X-Forwarded-For": "127.0.0.1", "Authorization": "Bearer alice",
                            "X-Tenant": "acme", "Cookie": "sid=7"}.items():
            self.assertEqual(seen.headers.all(name.lower()), [value], name)
        for name in ["x-other", "x-consumer", "content-length"]:
            self.assertEqual(seen.headers.all(name), [], name)

    def test_paths_have_the_form_by_which_routes_are_found(self):
        self.passed("/t%61ken/%7ea", ALICE)
        self.assertEqual(self.authz.seen[-1].headers.get("x-forwarded-uri"), "/taken/~a")

    def test_it_is_told_who_calls(self):
        key = self.system.json("keys", "create", "ada")
        self.passed("/known/x", ("X-API-Key", key["key"]), ("X-Consumer", "root"))
        self.assertEqual(self.authz.seen[-1].headers.all("x-consumer"), ["ada"])
        self.passed("/known/x", ("X-Consumer", "root"))
        self.assertEqual(self.authz.seen[-1].headers.all("x-consumer"), [])

    def test_a_request_with_two_credentials_is_not_asked_about(self):
        before = len(self.authz.seen)
        self.refused("/plain/x", 400, "bad_request", ALICE, BOB)
        self.refused("/kept/x", 400, "bad_request", ALICE, BOB)
        self.assertEqual(len(self.authz.seen), before)


class Decides(Case):
    def test_what_it_allows_reaches_the_service_with_what_it_says(self):
        got = self.passed("/taken/x", ALICE, method="POST", body=b"12345")
        self.assertEqual(got.all("x-user"), ["alice"])
        self.assertEqual(got.all("x-groups"), ["a", "b"])
        self.assertEqual(got.all("x-inner"), [])
        self.assertEqual(got.get("host"), "conform.test")
        self.assertEqual(self.echo.seen[-1].body, b"12345")

    def test_forged_copies_reach_nobody_on_any_route(self):
        forged = [("X-User", "root"), ("X-User", "root"), ("x-user", "root"), ("X_User", "root"), ("X-Groups", "admin")]
        for path, wanted in [("/open/x", []), ("/plain/x", []), ("/gone-open/x", []), ("/taken/x", ["alice"])]:
            got = self.passed(path, ALICE, *forged)
            self.assertEqual(got.all("x-user"), wanted, path)
            self.assertEqual(got.all("x_user"), [], path)
        self.assertEqual(self.passed("/audit/x", *forged).all("x-user"), [])

    def test_connection_cannot_take_its_word_away(self):
        for names in [["close, X-User"], ["X-User", "close"], ["x-user, keep-alive"]]:
            got = self.passed("/taken/x", ALICE, ("X-User", "root"), *(("Connection", one) for one in names))
            self.assertEqual(got.all("x-user"), ["alice"], names)

    def test_its_refusals_are_the_clients_answer(self):
        answer = self.refused("/plain/x", 401, "unauthenticated")
        self.assertEqual(answer.headers.all("www-authenticate"), ['Bearer realm="shop"'])
        self.assertIsNone(answer.headers.get("x-inner"))
        self.assertIsNone(answer.headers.get("x-user"))
        self.assertNotIn(b"sign in", answer.body)
        self.assertIn("ask: authz says 401", self.why(answer))
        self.refused("/plain/x", 403, "forbidden", MALLORY)
        self.refused("/strict/x", 404, "forbidden", ("X-Case", "404"))
        self.assertEqual(self.refused("/strict/x", 429, "rate_limited", ("X-Case", "busy")).headers.all("retry-after"), ["7"])

    def test_redirects_go_to_the_client_and_are_not_followed(self):
        answer = self.refused("/strict/x", 302, "unauthenticated", ("X-Case", "redirect"))
        self.assertEqual(answer.headers.all("location"), ["https://sign.example/in?rd=a"])
        self.assertEqual(answer.headers.all("set-cookie"), ["state=1; HttpOnly"])
        self.assertIsNone(answer.headers.get("x-inner"))

    def test_answers_that_are_no_decision_refuse_even_with_allow(self):
        for case in ["304", "302", "303"]:  # redirects to nowhere
            self.refused("/answers/x", 503, "policy_unavailable", ("X-Case", case))
        self.refused("/bare/x", 503, "policy_unavailable", ("X-Case", "redirect"))  # Location may not be told
        self.passed("/answers/x", ("X-Case", "204"))

    def test_hostile_answers_refuse_even_with_allow(self):
        for case in ["crlf", "nul", "twice", "garbage", "huge", "long", "many"]:
            with self.subTest(case):
                answer = self.refused("/answers/x", 503, "policy_unavailable", ("X-Case", case))
                self.assertIn("did not decide", self.why(answer))
        answer = self.system.ask("GET", "/answers/x", [("X-Case", "fold")])
        self.assertEqual(answer.status, 503, "a folded line")

    def test_nobody_answers(self):
        for case in ["500", "503", "cut", "closed"]:
            with self.subTest(case):
                answer = self.refused("/strict/x", 503, "policy_unavailable", ("X-Case", case))
                self.assertIsNotNone(answer.headers.get("retry-after"))
                got = self.passed("/answers/x", ("X-Case", case), ("X-User", "root"))
                self.assertEqual(got.all("x-user"), [])
        self.assertIn("authz did not decide: it answered 500", self.why(self.ask("/strict/x", 503, ("X-Case", "500"))))
        self.assertIn("passed, authz did not decide", self.why(self.ask("/answers/x", 200, ("X-Case", "500"))))
        self.refused("/gone/x", 503, "policy_unavailable")
        self.passed("/gone-open/x")

    def test_a_slow_one_is_not_waited_for(self):
        for path, least, most in [("/strict/x", 0.25, 1.0), ("/answers/x", 0.95, 2.0)]:
            began = time.monotonic()
            answer = self.system.ask("GET", path, [("X-Case", "slow")])
            took = time.monotonic() - began
            self.assertEqual(answer.status, 503 if path == "/strict/x" else 200)
            self.assertTrue(least < took < most, (path, took))

    def test_many_wait_for_a_slow_one_and_others_go_on(self):
        with concurrent.futures.ThreadPoolExecutor(40) as pool:
            slow = [pool.submit(self.system.ask, "GET", "/strict/x", [("X-Case", "slow")]) for _ in range(40)]
            began = time.monotonic()
            self.passed("/open/x")
            self.assertLess(time.monotonic() - began, 0.25)
            self.assertEqual({one.result().status for one in slow}, {503})

    def test_a_client_that_leaves_ends_the_question(self):
        client = self.system.client()
        client.send("GET /answers/left HTTP/1.1\r\nHost: a\r\nX-Case: slow\r\n\r\n")
        wire.wait_until(lambda: any(seen.headers.get("x-forwarded-uri") == "/answers/left" for seen in self.authz.seen), 5,
                        "the question")
        before = len(self.echo.seen)
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # by a reset
        client.sock.close()
        time.sleep(1.3)  # beyond the time that it has, after which it would be passed
        self.assertEqual(len(self.echo.seen), before, "it went on without its client")

    def test_audit_only_notes_and_counts(self):
        self.assertEqual(self.passed("/audit/x", ALICE).all("x-user"), ["alice"])
        self.assertEqual(self.passed("/audit/x", MALLORY).all("x-user"), [])
        answer = self.ask("/audit/x", 200)
        self.assertIn("ask: would refuse: authz says 401", self.why(answer))
        with socket.socket(socket.AF_UNIX) as admin:
            admin.connect(str(self.system.folder / ".trunkline/admin.sock"))
            admin.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            page = admin.makefile("rb").read().decode()
        self.assertRegex(page, r'trunkline_policy_audited_total\{policy="ask",route="/audit/\*"\} [1-9]')

    def test_why_shows_the_question_below_the_request(self):
        said = self.why(self.ask("/taken/x", 200, ALICE))
        self.assertIn("-> authz", said)
        self.assertIn("ask: authz allows", said)
        self.assertNotIn("Bearer", said)


class Kept(Case):
    def test_a_decision_is_kept_for_its_caller_and_question(self):
        before = self.asked("at=kept")
        for _ in range(3):
            self.assertEqual(self.passed("/kept/1", ALICE).all("x-user"), ["alice"])
        self.assertEqual(self.asked("at=kept") - before, 1)
        self.assertIn("authz allows as before", self.why(self.ask("/kept/1", 200, ALICE)))
        # Another caller, path, query, method, host: another question.
        self.assertEqual(self.passed("/kept/1", BOB).all("x-user"), ["bob"])
        self.refused("/kept/1", 403, "forbidden", MALLORY)
        self.refused("/kept/1", 401, "unauthenticated")
        before = self.asked("at=kept")
        self.passed("/kept/2", ALICE)
        self.passed("/kept/1?x=1", ALICE)
        self.passed("/kept/1", ALICE, method="DELETE")
        self.system.ask("GET", "/kept/1", [ALICE], host="other.test")
        self.assertEqual(self.asked("at=kept") - before, 4)

    def test_refusals_are_kept_too(self):
        before = self.asked("at=kept")
        for _ in range(3):
            answer = self.refused("/kept/refused", 403, "forbidden", MALLORY)
        self.assertEqual(self.asked("at=kept") - before, 1)
        self.assertIn("authz says 403 as before", self.why(answer))

    def test_who_leaves_out_what_it_is_kept_by_is_asked_about_each_time(self):
        before = self.asked("at=kept")
        for _ in range(2):
            self.refused("/kept/none", 401, "unauthenticated")
        # A cookie is told and not kept by: whose decision it was could not be said.
        for _ in range(2):
            self.passed("/kept/cookie", ALICE, ("Cookie", "sid=7"))
        self.passed("/kept/cookie", ALICE)
        self.assertEqual(self.asked("at=kept") - before, 5)

    def test_values_cannot_be_pushed_from_one_part_into_another(self):
        before = self.asked("at=told")
        self.passed("/told/a", ("Authorization", "Bearer alice"))
        self.passed("/told/a?Bearer%20alice", ("Authorization", "Bearer alic"))
        self.passed("/told/", ("Authorization", "Bearer alicea"))
        self.assertEqual(self.asked("at=told") - before, 3)

    def test_callers_known_by_other_credentials_never_share(self):
        keys = [self.system.json("keys", "create", name)["key"] for name in ("eve", "dan")]
        for _ in range(2):
            self.assertEqual(self.passed("/keyed/x", ("X-Key", keys[0])).all("x-user"), ["eve"])
            self.assertEqual(self.passed("/keyed/x", ("X-Key", keys[1])).all("x-user"), ["dan"])
        self.assertEqual(self.asked("at=keyed"), 2)

    def test_addresses_share_only_where_it_is_said(self):
        before = self.asked("at=told")
        for _ in range(2):
            for address in ["127.0.0.2", "127.0.0.3"]:
                self.ask_from(address, "/told/address", 200, ALICE)
        self.assertEqual(self.asked("at=told") - before, 2)
        before = self.asked("at=kept")
        for address in ["127.0.0.2", "127.0.0.3"]:
            self.ask_from(address, "/kept/address", 200, ALICE)
        self.assertEqual(self.asked("at=kept") - before, 1)

    def test_another_rule_begins_without_memories(self):
        self.passed("/few/rule", ALICE)
        before = self.asked("at=few")
        text = self.system.manifest.read_text(encoding="utf-8")
        self.addCleanup(self.apply, text)
        self.apply(text.replace("/open/*", "/opened/*"))
        self.passed("/few/rule", ALICE)
        self.assertEqual(self.asked("at=few") - before, 0, "a change elsewhere")
        self.apply(text.replace('"/check?at=few", take: X-User', '"/check?at=few", take: [X-User, X-Groups]'))
        self.assertEqual(self.passed("/few/rule", ALICE).all("x-groups"), ["a", "b"])
        self.assertEqual(self.asked("at=few") - before, 1)

    def apply(self, text):
        self.system.write(text)
        done = self.system.cli("apply")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_it_ends(self):
        before = self.asked("at=short")
        self.passed("/short/x", ALICE)
        wire.wait_until(lambda: self.passed("/short/x", ALICE) and self.asked("at=short") - before >= 2, 3, "it to be asked again")

    def test_it_is_bounded_and_the_oldest_goes(self):
        before = self.asked("at=few")
        for name in ["a", "b", "a", "c", "a", "b"]:  # b was used longest ago when c came
            self.passed("/few/x", ("Authorization", f"Bearer {name}"))
        self.assertEqual(self.asked("at=few") - before, 4)

    def test_what_is_said_for_a_moment_is_not_kept(self):
        for case, status in [("redirect", 302), ("cookie", 401), ("404", 404), ("busy", 429), ("no-store", 200), ("500", 503)]:
            before = self.asked("at=moments")
            for _ in range(2):
                self.ask("/moments/x", status, ("X-Case", case))
            self.assertEqual(self.asked("at=moments") - before, 2, case)


class Manifests(unittest.TestCase):
    def check(self, policy):
        text = ("system: a\ngateway:\n  routes:\n    - path: /*\n      to: echo\n      policies:\n        ask: " + policy +
                "\ncontexts: { x: { echo: { run: x }, authz: { run: y } } }\n")
        one = system.System(text)
        self.addCleanup(one.stop)
        done = one.cli("check")
        return done.returncode, done.stdout + done.stderr

    def test_mistakes_are_told_at_their_place(self):
        for policy, says in [
                ("authzz", 'trunkline.yaml:7:14: error: an ask policy asks "authzz", which is no service; did you mean "authz"?'),
                ("{ path: /x }", 'needs the key "service"'),
                ("{ service: authz, path: x }", 'must begin with "/"'),
                ("{ service: authz, take: [Authorization] }", "another meaning"),
                ("{ service: authz, take: [\"X Y\"] }", "is no name of a header"),
                ("{ service: authz, send: [X-Forwarded-Uri] }", "says itself"),
                ("{ service: authz, on_failure: ignore }", "refuse"),
                ("{ service: authz, cache: { by: [header X] } }", '"for"'),
                ("{ service: authz, cache: { for: 1s, by: [headr X] } }", 'did you mean "header"?'),
                ("{ service: authz, timeout: 2h }", "timeout")]:
            code, said = self.check(policy)
            self.assertEqual(code, 2, policy)
            self.assertIn(says, said, policy)
        self.assertEqual(self.check("authz")[0], 0)


if __name__ == "__main__":
    unittest.main()
