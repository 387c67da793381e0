# deadline: 240
"""Limits, requests at once and quotas by real clients against the real
binary. What gateways share through Redis: test_policy_limits_shared.py."""
import pathlib
import signal
import socket
import sys
import tempfile
import threading
import time
import unittest

import system
import wire

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from kit import tokens  # noqa: E402

SERVICE = system.ROOT / "tests/kit/service.py"

MANIFEST = """
system: limits
telemetry: { access_log: none }
gateway:
  listen: <port>
  routes:
    - { path: /plain/*, to: plain }
    - { path: /short/*, to: plain, policies: { limit: 3/h } }
    - { path: /tenant/*, to: plain, policies: { limit: { rate: 100/h, burst: 2, by: header x-tenant } } }
    - { path: /cookie/*, to: plain, policies: { limit: 1/h by cookie sid } }
    - { path: /both/*, to: plain, policies: { limit: [5/h, 2/d by header x-tenant] } }
    - { path: /window/*, to: plain, policies: { limit: { rate: 3/d, algorithm: sliding_window } } }
    - { path: /audit/*, to: plain, policies: { limit: { rate: 1/h, audit: true, headers: false } } }
    - { path: /fast/*, to: plain, policies: { limit: 10/s } }
    - { path: /busy/*, to: plain, rewrite: "/*", policies: { at_once: 2 } }
    - { path: /quota/*, to: plain, policies: { quota: 3/month by header x-tenant } }
contexts:
  test:
    shared:
      run: "<python> <service>"
      policies: { limit: 4/h }
    plain: { run: "<python> <service>" }
"""
# One rule for two routes.
TWO_ROUTES = """
    - { path: /one/*, to: shared }
    - { path: /two/*, to: shared }
"""


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        text = MANIFEST.replace("contexts:", TWO_ROUTES.strip("\n") + "\ncontexts:", 1)
        cls.system = system.System(text, service=SERVICE).start()
        cls.addClassCleanup(cls.system.stop)

    def ask(self, path, **headers):
        return self.system.ask("GET", path, [(name.replace("_", "-"), value) for name, value in headers.items()])

    def statuses(self, path, count, **headers):
        return [self.ask(path, **headers).status for _ in range(count)]


class Rate(Case):
    def test_so_many_and_then_no_more(self):
        for left in (2, 1, 0):
            answer = self.ask("/short/echo")
            self.assertEqual(answer.status, 200)
            self.assertEqual(answer.headers.get("RateLimit-Policy"), '"3/h by client";q=3;w=3600')
            self.assertRegex(answer.headers.get("RateLimit"), rf'^"3/h by client";r={left};t=\d+$')
        answer = self.ask("/short/echo")
        self.assertEqual(answer.status, 429)
        self.assertEqual(answer.headers.get("X-Trunkline-Cause"), "rate_limited")
        self.assertIn(b"more than \\\"3/h by client\\\"", answer.body)
        self.assertRegex(answer.headers.get("RateLimit"), "r=0;")
        # One in twenty minutes, and some of that has passed.
        self.assertTrue(1100 < int(answer.headers.get("Retry-After")) <= 1200, answer.headers.get("Retry-After"))
        said = self.system.cli("why", answer.headers.get("X-Trace-Id")).stdout
        self.assertIn('limit: over "3/h by client"', said)

    def test_why_says_what_is_left(self):
        answer = self.ask("/fast/echo")
        self.assertIn("limit: 9 of 10 left", self.system.cli("why", answer.headers.get("X-Trace-Id")).stdout)

    def test_by_a_header_and_without_it_by_address(self):
        self.assertEqual(self.statuses("/tenant/echo", 3, X_Tenant="a"), [200, 200, 429])
        self.assertEqual(self.statuses("/tenant/echo", 3, X_Tenant="b"), [200, 200, 429])
        self.assertEqual(self.statuses("/tenant/echo", 3), [200, 200, 429], "leaving it out lifts nothing")

    def test_by_a_cookie(self):
        self.assertEqual(self.statuses("/cookie/echo", 2, Cookie="a=1; sid=x"), [200, 429])
        self.assertEqual(self.statuses("/cookie/echo", 2, Cookie="sid=y"), [200, 429])

    def test_all_of_several_hold(self):
        self.assertEqual(self.statuses("/both/echo", 3, X_Tenant="a"), [200, 200, 429])
        answer = self.ask("/both/echo", X_Tenant="b")
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.headers.get("RateLimit-Policy"),
                         '"5/h by client";q=5;w=3600, "2/d by header x-tenant";q=2;w=86400')
        self.assertEqual(self.statuses("/both/echo", 2, X_Tenant="c"), [200, 429], "the client's five are used up")

    def test_a_sliding_window(self):
        self.assertEqual(self.statuses("/window/echo", 4), [200, 200, 200, 429])

    def test_audit_only_says_so(self):
        self.assertEqual(self.statuses("/audit/echo", 2), [200, 200])
        answer = self.ask("/audit/echo")
        self.assertEqual(answer.status, 200)
        self.assertIsNone(answer.headers.get("RateLimit"))
        self.assertIn("audit: would be refused", self.system.cli("why", answer.headers.get("X-Trace-Id")).stdout)

    def test_what_is_said_once_counts_once_for_all_its_routes(self):
        self.assertEqual(self.statuses("/one/echo", 2) + self.statuses("/two/echo", 3), [200, 200, 200, 200, 429])

    def test_no_limit_says_nothing(self):
        self.assertIsNone(self.ask("/plain/echo").headers.get("RateLimit"))

    def test_requests_of_many_connections_are_counted_exactly(self):
        got = []
        def many():
            for _ in range(20):
                got.append(self.ask("/exact/echo", X_Tenant="exact").status)
        # A limit of its own, so that the others do not disturb it; the rest of the manifest stays.
        text = self.system.manifest.read_text().replace(
            "  routes:\n", "  routes:\n    - { path: /exact/*, to: plain, policies: { limit: 37/d by header x-tenant } }\n", 1)
        self.system.write(text)
        applied = self.system.cli("apply", timeout=60)
        self.assertEqual(applied.returncode, 0, applied.stdout + applied.stderr)
        threads = [threading.Thread(target=many) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual((got.count(200), got.count(429)), (37, 43))


class Reload(unittest.TestCase):
    def test_counts_carry_over_a_reload_also_of_the_rate(self):
        with system.System(MANIFEST, service=SERVICE) as running:
            ask = lambda: running.ask("GET", "/short/echo").status
            self.assertEqual([ask() for _ in range(4)], [200, 200, 200, 429])
            running.write(running.manifest.read_text().replace("limit: 3/h", "limit: 4/h", 1))
            applied = running.cli("apply", timeout=60)
            self.assertEqual(applied.returncode, 0, applied.stdout + applied.stderr)
            self.assertIn(429, [ask(), ask()], "a reload must not give everybody a new burst")


class AtOnce(Case):
    def test_so_many_in_flight_and_places_come_back(self):
        slow, statuses = [], []
        def ask_slowly():
            # One that finds the other and a question below in its place comes again.
            status = 429
            while status == 429:
                status = self.ask("/busy/slow?ms=1500").status
            statuses.append(status)
        for _ in range(2):
            slow.append(threading.Thread(target=ask_slowly))
            slow[-1].start()
        refused = []
        def is_refused():
            answer = self.ask("/busy/echo")
            refused.append(answer)
            return answer.status == 429
        wire.wait_until(is_refused, 8, "both places to be taken")
        self.assertEqual(refused[-1].headers.get("X-Trunkline-Cause"), "rate_limited")
        for thread in slow:
            thread.join()
        self.assertEqual(statuses, [200, 200])
        wire.wait_until(lambda: self.ask("/busy/echo").status == 200, 8, "the places to come back")

    def test_a_client_that_goes_away_gives_its_place_back(self):
        for _ in range(5):
            with socket.create_connection(("127.0.0.1", self.system.port)) as sock:
                sock.sendall(b"GET /busy/slow?ms=300 HTTP/1.1\r\nHost: a\r\n\r\n")
        def two_at_a_time():
            return self.statuses("/busy/echo", 2) == [200, 200]
        wire.wait_until(two_at_a_time, 10, "the places of those who left")


class Quota(unittest.TestCase):
    def test_counts_survive_an_end_and_a_kill(self):
        running = system.System(MANIFEST, service=SERVICE).start()
        try:
            ask = lambda who: running.ask("GET", "/quota/echo", [("X-Tenant", who)])
            first = ask("a")
            self.assertEqual(first.status, 200)
            self.assertRegex(first.headers.get("RateLimit"), r'^"3/month by header x-tenant";r=2;t=\d+$')
            running.process.send_signal(signal.SIGTERM)
            self.assertEqual(running.process.wait(30), 0, running.output())
            running.start()
            self.assertEqual([ask("a").status for _ in range(2)], [200, 200], running.output())
            answer = ask("a")
            self.assertEqual(answer.status, 429)
            self.assertEqual(answer.headers.get("X-Trunkline-Cause"), "quota_exceeded")
            self.assertEqual(ask("b").status, 200)

            used = lambda: sorted(row["used"] for row in running.json("quotas")["quotas"])
            wire.wait_until(lambda: used() == [1, 3], 10, "the counts to be saved")
            self.assertIn("per month by header x-tenant of route /quota/*", running.cli("quotas").stdout)
            self.assertNotIn("secret-tenant", running.cli("quotas").stdout)

            running.process.send_signal(signal.SIGKILL)
            running.process.wait(30)
            running.start()
            self.assertEqual(ask("a").status, 429, "kill -9 loses nothing that was counted a while ago")
            self.assertEqual([ask("b").status for _ in range(3)], [200, 200, 429])
        finally:
            running.stop()

    def test_a_damaged_file_is_put_aside_and_said(self):
        running = system.System(MANIFEST, service=SERVICE)
        try:
            folder = running.folder / ".trunkline/quotas"
            running.start()
            self.assertEqual(running.ask("GET", "/quota/echo").status, 200)
            wire.wait_until(lambda: list(folder.glob("*.counts")), 10, "the counts to be saved")
            running.process.send_signal(signal.SIGTERM)
            running.process.wait(30)
            file = next(folder.glob("*.counts"))
            file.write_text(file.read_text()[:-3])
            running.start()
            self.assertEqual(running.ask("GET", "/quota/echo").status, 200)
            self.assertTrue(list(folder.glob("*.damaged")))
            self.assertIn("are damaged", running.output())
        finally:
            running.stop()


PLANS = """
system: plans
gateway:
  listen: <port>
  routes:
    - path: /rate/*
      to: plain
      policies:
        auth: { methods: [api_key], jwt: { issuer: bench, audience: shop, secret: secret } }
        limit: { rate: 2/h by identity, plans: { gold: 4/h, trial: 1/h } }
    - path: /quota/*
      to: plain
      policies:
        auth: { methods: [api_key], jwt: { issuer: bench, audience: shop, secret: secret } }
        quota: { requests: [2/day by identity, 100/month by identity], plans: { gold: [100, 3] } }
contexts:
  test:
    plain: { run: "<python> <service>" }
"""
SECRET = "a-secret-of-thirty-two-characters"


class Plans(unittest.TestCase):
    """The plan of a caller's credential, whichever it is, says how much."""
    @classmethod
    def setUpClass(cls):
        cls.system = system.System(PLANS, files={"secret": SECRET + "\n"}, service=SERVICE).start()
        cls.addClassCleanup(cls.system.stop)

    def passed(self, path, *headers):
        answers = [self.system.ask("GET", path, list(headers)) for _ in range(6)]
        statuses = [answer.status for answer in answers]
        self.assertEqual(statuses, sorted(statuses), statuses)
        self.assertLessEqual(set(statuses), {200, 429})
        return statuses.count(200), answers[-1].headers.get("X-Trunkline-Cause")

    def token(self, subject, plan):
        now = int(time.time())
        claims = {"iss": "bench", "aud": "shop", "sub": subject, "iat": now, "exp": now + 600, **({"plan": plan} if plan else {})}
        return "Authorization", "Bearer " + tokens.hmac_token(SECRET.encode(), claims)

    def test_of_a_rate(self):
        for plan, most in (("gold", 4), ("trial", 1), ("unknown", 2), (None, 2)):
            self.assertEqual(self.passed("/rate/echo", self.token(f"rate-{plan}", plan)), (most, "rate_limited"), plan)
            key = self.system.cli("keys", "create", f"rate-{plan}", *(["--plan", plan] if plan else [])).stdout.strip()
            self.assertEqual(self.passed("/rate/echo", ("X-API-Key", key)), (most, "rate_limited"), plan)

    def test_of_a_quota_each_number_in_its_place(self):
        self.assertEqual(self.passed("/quota/echo", self.token("ada", "gold")), (3, "quota_exceeded"))
        self.assertEqual(self.passed("/quota/echo", self.token("bob", None)), (2, "quota_exceeded"))

    def test_a_client_cannot_choose_its_plan(self):
        forged = self.token("eve", None)
        self.assertEqual(self.passed("/rate/echo", forged, ("X-Plan", "gold"), ("X-Consumer-Plan", "gold")), (2, "rate_limited"))


class Check(unittest.TestCase):
    def said(self, policy):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "trunkline.yaml")
            path.write_text("system: s\ngateway:\n  policies:\n    " + policy + "\n  routes: [{ path: /*, to: a }]\n"
                            "contexts: { c: { a: { run: ./a } } }\n")
            done = system.run("check", cwd=folder)
            self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
            return done.stdout + done.stderr

    def test_mistakes_are_told_at_their_place(self):
        for policy, words in [("limit: 100", "does not say in what time"),
                              ("limit: 100/week", "per s, m, h, d"),
                              ("limit: 100/s by clinet", 'did you mean "client"'),
                              ("limit: { rate: 5/s, algorithm: sliding_window, burst: 3 }", "no burst"),
                              ("limit: { rate: [5/s, 6/m], plans: { gold: 10/s } }", "has 1 rates where"),
                              ("limit: { rate: 5/s, store: redis }", "names no Redis"),
                              ("quota: 5/s", "hour, day or month"),
                              ("at_once: 5/s", "at a time")]:
            with self.subTest(policy):
                said = self.said(policy)
                self.assertIn("trunkline.yaml:4:", said)
                self.assertIn(words, said)


if __name__ == "__main__":
    unittest.main()
