# deadline: 300
"""Logins of browsers by OpenID Connect: a client that keeps cookies and follows redirects as a browser does, the real
binary, and oidc-provider (npm) as the issuer, which rotates refresh tokens. Whoever did not log in by this gateway, in
this browser, for this client, gets no session; an outage of the issuer ends none that holds."""
import base64
import http.cookiejar
import json
import pathlib
import re
import ssl
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request

import npm_cache
import system

HERE = pathlib.Path(__file__).resolve().parent
SECRET = "a client secret: with % and + in it"
FIRST, SECOND = "first session secret of forty bytes.....", "second session secret of forty bytes...."
MANIFEST = """
system: login
telemetry: { access_log: none }
gateway:
  listen: <port>
  threads: 2
  routes:
    - path: /*
      to: echo
      policies:
        auth:
          login:
            { issuer: "<issuer>", client: shop, secret: client.secret, session_secret: session.secret,
              scopes: profile, after_logout: /open/bye, wait: 2s }
          headers: { X-Roles: roles, X-Name: claims.name, X-Method: method }
    - path: /staff/*
      to: echo
      policies:
        auth: { login: { issuer: "<issuer>", client: shop, secret: client.secret, session_secret: session.secret } }
        allow: { roles: [staff] }
    - { path: /open/*, to: echo }
    - path: /maybe/*
      to: echo
      policies:
        auth:
          login: { issuer: "<issuer>", client: shop, secret: client.secret, session_secret: session.secret }
          methods: anonymous
    - path: /other/*
      to: echo
      policies:
        auth:
          login:
            { issuer: "<issuer>", client: shop, secret: client.secret, session_secret: other.secret,
              former_session_secret: session.secret, path: /other/.login }
    - path: /both/*
      to: echo
      policies:
        auth:
          login: { issuer: "<issuer>", client: shop, secret: client.secret, session_secret: session.secret }
          methods: api_key
    - path: /secure/*
      to: echo
      policies:
        auth:
          login:
            { issuer: "<issuer>", client: shop, session_secret: session.secret, path: /secure/.login,
              url: https://shop.example, parameters: { prompt: consent, a&b: "1=2" } }
contexts:
  test:
    echo: { run: "<python> <service>" }
"""
PAGE = {"Accept": "text/html,application/xhtml+xml"}
COOKIE = "trunkline_session"


class Answer:
    def __init__(self, raw, url):
        self.status, self.headers, self.url = raw.status, raw.headers, url
        self.body = raw.read().decode(errors="replace")

    @property
    def location(self):
        where = self.headers["Location"]
        return urllib.parse.urljoin(self.url, where) if where else None

    @property
    def echo(self):
        return json.loads(self.body)


class Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


class Browser:
    """Cookies, redirects, and the forms of the issuer."""
    def __init__(self):
        self.jar = http.cookiejar.CookieJar()
        unchecked = ssl.create_default_context()  # whose certificate it is tests/conformance/test_tls.py asks
        unchecked.check_hostname, unchecked.verify_mode = False, ssl.CERT_NONE
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.jar), Stay,
                                                  urllib.request.HTTPSHandler(context=unchecked))

    def ask(self, url, form=None, headers=PAGE):
        data = urllib.parse.urlencode(form).encode() if form is not None else None
        request = urllib.request.Request(url, data, dict(headers))
        try:
            with self.opener.open(request, timeout=20) as answer:
                return Answer(answer, url)
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error, url)

    def follow(self, answer, until=None):
        """Redirects to their end, or to the first whose target begins with `until`."""
        for _ in range(20):
            if answer.location is None or (until and answer.location.startswith(until)):
                return answer
            answer = self.ask(answer.location)
        raise AssertionError(f"redirects without an end, last to {answer.location}")

    def log_in(self, answer, user="alice", until=None):
        """From a redirect to the issuer, through its forms, to where that leads."""
        answer = self.follow(answer, until)
        for prompt in ["login", "consent"]:
            if answer.location is not None or f'value="{prompt}"' not in answer.body:
                continue
            action = re.search(r'action="([^"]+)"', answer.body)[1]
            form = {"prompt": prompt, "login": user, "password": "any"}
            answer = self.follow(self.ask(urllib.parse.urljoin(answer.url, action), form), until)
        return answer

    def cookies(self):
        return {cookie.name: cookie.value for cookie in self.jar}

    def drop(self, beginning):
        for cookie in list(self.jar):
            if cookie.name.startswith(beginning):
                self.jar.clear(cookie.domain, cookie.path, cookie.name)

    def alter(self, name, change):
        for cookie in self.jar:
            if cookie.name == name:
                cookie.value = change(cookie.value)
                return
        raise AssertionError(f"there is no cookie {name} in {list(self.cookies())}")


class WithIssuer(unittest.TestCase):
    @classmethod
    def start_issuer(cls):
        cls.process = subprocess.Popen(["node", str(HERE / "oidc_issuer.js")], stdout=subprocess.PIPE,
                                       stderr=subprocess.DEVNULL, text=True, env=npm_cache.environment())
        cls.addClassCleanup(cls.end)
        port, cls.control = map(int, re.search(r"(\d+) (\d+)", cls.process.stdout.readline()).groups())
        cls.issuer = f"http://127.0.0.1:{port}"

    @classmethod
    def end(cls):
        cls.process.kill()
        cls.process.wait()
        cls.process.stdout.close()

    @classmethod
    def steer(cls, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{cls.control}{path}", timeout=20) as answer:
            return json.load(answer)


class Login(WithIssuer):
    @classmethod
    def setUpClass(cls):
        cls.start_issuer()
        files = {"client.secret": SECRET + "\n", "session.secret": FIRST, "other.secret": SECOND}
        cls.system = system.System(MANIFEST, files, service=system.ROOT / "tests/kit/service.py", issuer=cls.issuer)
        cls.url = f"http://127.0.0.1:{cls.system.port}"
        cls.steer("/begin?origin=" + cls.url)
        cls.system.start()
        cls.addClassCleanup(cls.system.stop)

    def setUp(self):
        self.steer("/up")
        self.steer("/life?seconds=600")
        self.browser = Browser()

    def logged_in(self, page="/echo?n=7", user="alice"):
        answer = self.browser.log_in(self.browser.ask(self.url + page), user)
        self.assertEqual(answer.status, 200, answer.body)
        return answer

    def at_callback(self, page="/echo?n=7"):
        """Everything but the last step: the URL that the issuer sends the browser to."""
        answer = self.browser.log_in(self.browser.ask(self.url + page), until=self.url + "/.login/callback")
        self.assertTrue(answer.location.startswith(self.url + "/.login/callback?"), answer.location)
        return answer.location

    def assert_refused(self, answer, status, says):
        self.assertEqual(answer.status, status, answer.body)
        self.assertIn(says, answer.body)
        self.assertNotIn(COOKIE, self.browser.cookies())

    # The way of a login.

    def test_a_page_leads_to_the_issuer_and_back_to_itself(self):
        first = self.browser.ask(self.url + "/echo?n=7&x=%2F%20y")
        self.assertEqual(first.status, 303)
        self.assertEqual(first.headers["Cache-Control"], "no-store")
        asked = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(first.location).query))
        self.assertEqual((asked["response_type"], asked["client_id"], asked["code_challenge_method"], asked["scope"]),
                         ("code", "shop", "S256", "openid profile"))
        self.assertEqual(asked["redirect_uri"], self.url + "/.login/callback")
        answer = self.browser.log_in(first)
        self.assertEqual((answer.status, answer.url), (200, self.url + "/echo?n=7&x=%2F%20y"))
        told = answer.echo["headers"]
        self.assertEqual((told["x-consumer"], told["x-name"], told["x-method"]), ("alice", "Name of alice", "oidc"))
        # Of the attempt nothing is left, and the session is the only cookie of ours.
        ours = [name for name in self.browser.cookies() if name.startswith(COOKIE)]
        self.assertEqual(ours, [COOKIE])
        self.assertEqual(self.browser.ask(self.url + "/echo").status, 200)

    def test_the_cookie_is_sealed_and_hidden_and_no_service_sees_it(self):
        location = self.at_callback()
        answer = self.browser.ask(location)
        set_cookies = answer.headers.get_all("Set-Cookie")
        session = next(line for line in set_cookies if line.startswith(COOKIE + "="))
        for attribute in ["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age="]:
            self.assertIn(attribute, session)
        self.assertNotIn("Secure", session)  # it is plain http here
        raw = session.split("=", 1)[1].split(";")[0].split(".", 1)[1]
        plain = base64.urlsafe_b64decode(raw + "=" * (-len(raw) % 4))
        self.assertNotIn(b"alice", plain)
        self.assertNotIn(b"token", plain)
        answer = self.browser.ask(self.url + "/echo", headers={**PAGE, "Cookie": "theme=dark; "
                                                               f"{COOKIE}={self.browser.cookies()[COOKIE]}; b=c"})
        self.assertEqual(answer.status, 200, answer.body)
        cookie = answer.echo["headers"].get("cookie", "")
        self.assertIn("theme=dark", cookie)
        self.assertIn("b=c", cookie)
        self.assertNotIn(COOKIE, cookie)

    def test_by_https_the_cookies_are_of_this_host_alone(self):
        answer = self.browser.ask(self.url + "/secure/echo")
        cookie = answer.headers["Set-Cookie"]
        self.assertTrue(cookie.startswith(f"__Host-{COOKIE}_go"), cookie)
        self.assertIn("; Secure", cookie)
        self.assertNotIn("Domain", cookie)
        asked = urllib.parse.parse_qs(urllib.parse.urlsplit(answer.location).query)
        self.assertEqual(asked["redirect_uri"], ["https://shop.example/secure/.login/callback"])
        self.assertEqual((asked["prompt"], asked["a&b"]), (["consent"], ["1=2"]))

    def test_who_opens_no_page_gets_401(self):
        for headers in [{}, {"Accept": "*/*"}, {"Accept": "application/json"},
                        {**PAGE, "Sec-Fetch-Mode": "cors"}]:
            with self.subTest(headers):
                answer = self.browser.ask(self.url + "/echo", headers=headers)
                self.assert_refused(answer, 401, "no credential")
                self.assertIn("Cookie realm=", answer.headers["WWW-Authenticate"])
        self.assertEqual(self.browser.ask(self.url + "/echo", form={"a": "b"}).status, 401)

    def test_roles_open_routes(self):
        self.logged_in(user="boss")
        self.assertEqual(self.browser.ask(self.url + "/echo").echo["headers"]["x-consumer"], "boss")
        # The staff's route asks for no profile; the session of before counts, for it is the same client.
        self.assertEqual(self.browser.ask(self.url + "/staff/echo").status, 200)
        self.browser = Browser()
        self.logged_in()
        self.assertEqual(self.browser.ask(self.url + "/staff/echo").status, 403)

    def test_a_large_session_is_in_pieces_and_leaves_none_behind(self):
        self.logged_in(user="bulky")
        pieces = [name for name in self.browser.cookies() if name.startswith(COOKIE)]
        self.assertGreater(len(pieces), 1)
        self.assertTrue(all(len(value) < 4000 for value in self.browser.cookies().values()))
        self.assertEqual(self.browser.ask(self.url + "/echo").echo["headers"]["x-consumer"], "bulky")
        self.assertNotIn(COOKIE, self.browser.ask(self.url + "/echo").echo["headers"].get("cookie", ""))
        self.browser.drop(COOKIE + "_1")
        self.assertEqual(self.browser.ask(self.url + "/echo", headers={}).status, 401)

    def test_a_session_too_large_for_cookies_is_refused_in_words(self):
        answer = self.browser.log_in(self.browser.ask(self.url + "/echo"), "vast")
        self.assert_refused(answer, 401, "too large for cookies")

    def test_start_leads_where_it_is_told_and_to_no_other_site(self):
        answer = self.browser.log_in(self.browser.ask(self.url + "/.login/start?return_to=/maybe/echo%3Fn%3D9"))
        self.assertEqual((answer.status, answer.url), (200, self.url + "/maybe/echo?n=9"))
        self.assertEqual(answer.echo["headers"]["x-consumer"], "alice")
        for foreign in ["https://evil.example/", "//evil.example/", "/\\evil.example", "\\\\evil.example", "evil",
                        "/a\r\nSet-Cookie: x=y", "/%0d%0aX: y", "javascript:alert(1)", "/a b", "/" + "a" * 3000]:
            with self.subTest(foreign):
                to = urllib.parse.quote(foreign, safe="")
                answer = self.browser.ask(f"{self.url}/.login/start?return_to={to}")
                self.assertEqual(answer.status, 400, f"{foreign!r}: {answer.headers}")
        # Nor does a path that browsers take for another host.
        answer = self.browser.log_in(self.browser.ask(self.url + "//evil.example/x"))
        self.assertTrue(answer.url.startswith(self.url + "/"), answer.url)

    def test_anonymous_passes_where_it_may_and_a_session_counts_there(self):
        self.assertNotIn("x-consumer", self.browser.ask(self.url + "/maybe/echo").echo["headers"])
        self.logged_in()
        self.assertEqual(self.browser.ask(self.url + "/maybe/echo").echo["headers"]["x-consumer"], "alice")
        self.browser.alter(COOKIE, lambda value: value[:40] + ("A" if value[40] != "A" else "B") + value[41:])
        self.assertEqual(self.browser.ask(self.url + "/maybe/echo", headers={}).status, 401)

    # Who did not log in.

    def test_a_callback_without_a_start(self):
        location = self.at_callback()
        self.browser.drop(COOKIE)
        self.assert_refused(self.browser.ask(location), 401, "begun no such login")
        self.assert_refused(self.browser.ask(self.url + "/.login/callback"), 401, "begun no such login")
        stranger = Browser()
        self.assertEqual(stranger.ask(location).status, 401)

    def test_a_wrong_state(self):
        location = self.at_callback()
        wrong = re.sub(r"state=(.)([^&]+)", lambda m: f"state={m[1]}{m[2][::-1]}", location)
        self.assertNotEqual(wrong, location)
        self.assert_refused(self.browser.ask(wrong), 401, "another login")
        self.assert_refused(self.browser.ask(re.sub(r"state=[^&]+", "state=", location)), 401, "begun no such login")
        self.assert_refused(self.browser.ask(location + "&state=x"), 401, "begun no such login")
        self.assertEqual(self.browser.follow(self.browser.ask(location)).status, 200)  # the right one still counts

    def test_a_code_is_good_once(self):
        location = self.at_callback()
        kept = self.browser.cookies()
        self.assertEqual(self.browser.ask(location).status, 303)
        self.browser.drop(COOKIE + "_go")
        answer = self.browser.ask(location)
        self.assertEqual(answer.status, 401)
        # Even with the attempt's cookie, which the browser was told to forget: the issuer knows.
        self.browser = Browser()
        attempt = "; ".join(f"{name}={value}" for name, value in kept.items() if name.startswith(COOKIE + "_go"))
        answer = self.browser.ask(location, headers={**PAGE, "Cookie": attempt})
        self.assert_refused(answer, 401, "invalid_grant")

    def test_an_answer_of_another_issuer(self):
        location = self.at_callback()
        self.assertIn("iss=", location)
        wrong = re.sub(r"iss=[^&]+", "iss=https%3A%2F%2Fevil.example", location)
        self.assert_refused(self.browser.ask(wrong), 401, "another issuer")
        location = self.at_callback()
        self.assert_refused(self.browser.ask(re.sub(r"&?iss=[^&]+", "", location)), 401, "another issuer")

    def test_a_login_that_was_refused(self):
        location = self.at_callback()
        wrong = re.sub(r"code=[^&]+", "error=access_denied", location)
        self.assert_refused(self.browser.ask(wrong), 401, "access_denied")

    def test_tokens_that_are_not_for_this_login(self):
        for forged, says in [("aud=other", "another audience"), ("nonce=other", "another login"),
                             ("iss=https://evil.example", "another issuer"), ("exp=1", "no number"),
                             ("azp=other", "another client"), ("sub=", "no subject")]:
            with self.subTest(forged):
                self.browser = Browser()
                location = self.at_callback()
                self.steer("/forge?" + forged)
                self.assert_refused(self.browser.ask(location), 401, says)
                self.assertEqual(self.browser.ask(self.url + "/echo", headers={}).status, 401)

    def test_a_nonce_that_the_browser_has_changed_on_the_way(self):
        first = self.browser.ask(self.url + "/echo")
        changed = re.sub(r"nonce=[^&]+", "nonce=mine", first.location)
        answer = self.browser.log_in(self.browser.ask(changed))
        self.assert_refused(answer, 401, "another login")

    def test_a_verifier_of_another_attempt(self):
        first = self.browser.ask(self.url + "/echo")
        changed = re.sub(r"code_challenge=[^&]+", "code_challenge=" + "A" * 43, first.location)
        answer = self.browser.log_in(self.browser.ask(changed))
        self.assert_refused(answer, 401, "invalid_grant")

    def test_cookies_that_were_tampered_with(self):
        self.logged_in()
        good = self.browser.cookies()[COOKIE]
        flipped = [good[:place] + ("A" if good[place] != "A" else "B") + good[place + 1:]
                   for place in [2, 3, 20, 60, len(good) // 2, len(good) - 2]]
        cut = [good[:-1], good[:-4], good[:30], good + "A", good + "=", "1.", "2." + good[2:], "9." + good[2:],
               good[2:], "x", "", "1." + "A" * 3000]
        for wrong in flipped + cut:
            with self.subTest(wrong[:12] + "..." + wrong[-6:]):
                answer = Browser().ask(self.url + "/echo", headers={"Cookie": f"{COOKIE}={wrong}"})
                self.assertEqual(answer.status, 401, wrong)
        # A page begins anew instead.
        answer = Browser().ask(self.url + "/echo", headers={**PAGE, "Cookie": f"{COOKIE}={flipped[3]}"})
        self.assertEqual(answer.status, 303)
        self.assertTrue(answer.location.startswith(self.issuer))
        self.assertEqual(Browser().ask(self.url + "/echo", headers={"Cookie": f"{COOKIE}={good}"}).status, 200)
        # An attempt is no session, although the same secret seals both.
        other = Browser()
        other.ask(self.url + "/echo")
        attempt = next(value for name, value in other.cookies().items() if "_go" in name)
        answer = Browser().ask(self.url + "/echo", headers={"Cookie": f"{COOKIE}=1.{attempt}"})
        self.assertEqual(answer.status, 401)

    def test_secrets_of_before_count_where_it_is_said(self):
        self.logged_in()
        by_first = self.browser.cookies()[COOKIE]
        # /other seals by the second and takes the first.
        taken = Browser().ask(self.url + "/other/echo", headers={"Cookie": f"{COOKIE}={by_first}"})
        self.assertEqual(taken.status, 200, taken.body)
        other = Browser()
        answer = other.log_in(other.ask(self.url + "/other/echo"))
        self.assertEqual(answer.status, 200, answer.body)
        by_second = other.cookies()[COOKIE]
        refused = Browser().ask(self.url + "/echo", headers={"Cookie": f"{COOKIE}={by_second}"})
        self.assertEqual(refused.status, 401)

    def test_programs_have_their_own_credential_on_the_same_route(self):
        key = self.system.cli("keys", "create", "partner").stdout.strip()
        answer = self.browser.ask(self.url + "/both/echo", headers={"X-API-Key": key})
        self.assertEqual(answer.echo["headers"]["x-consumer"], "partner")
        self.assertEqual(self.browser.ask(self.url + "/both/echo", headers={}).status, 401)
        self.logged_in("/both/echo")
        answer = self.browser.ask(self.url + "/both/echo", headers={"X-API-Key": key})
        self.assertEqual(answer.status, 401)
        self.assertIn("two credentials", answer.body)
        # A wrong key beside no session is no reason to log in.
        answer = Browser().ask(self.url + "/both/echo", headers={**PAGE, "X-API-Key": "tlk_wrong"})
        self.assertEqual(answer.status, 401)

    def test_what_a_browser_says_of_itself_counts_for_nothing(self):
        self.logged_in()
        answer = self.browser.ask(self.url + "/echo", headers={**PAGE, "X-Consumer": "root"})
        self.assertEqual(answer.echo["headers"]["x-consumer"], "alice")

    # Renewal and outages.

    def test_a_session_is_renewed_before_its_token_ends(self):
        self.steer("/life?seconds=4")
        self.logged_in()
        before, counts = self.browser.cookies()[COOKIE], self.steer("/counts").get("refresh_token", 0)
        answer = system.wire.wait_until(lambda: self.renewed(before), 8, "the session to be renewed")
        self.assertEqual(answer.headers["Cache-Control"], "no-store")
        self.assertEqual(answer.echo["headers"]["x-consumer"], "alice")
        self.assertEqual(self.steer("/counts")["refresh_token"], counts + 1)
        # And the renewed one is renewed again, long after the first token's end.
        end = time.monotonic() + 6
        while time.monotonic() < end:
            self.assertEqual(self.browser.ask(self.url + "/echo", headers={}).status, 200)
            time.sleep(0.2)
        self.assertGreater(self.steer("/counts")["refresh_token"], counts + 1)
        self.assertEqual(self.steer("/counts").get("refresh_token refused", 0), 0)

    def renewed(self, before):
        answer = self.browser.ask(self.url + "/echo", headers={})
        self.assertEqual(answer.status, 200, answer.body)
        return answer if self.browser.cookies()[COOKIE] != before else None

    def test_many_requests_at_a_time_renew_once(self):
        self.steer("/life?seconds=4")
        self.logged_in()
        cookie = f"{COOKIE}={self.browser.cookies()[COOKIE]}"
        counts = self.steer("/counts").get("refresh_token", 0)
        time.sleep(3.2)  # the token's last quarter
        seen = []

        def ask():
            for _ in range(3):
                seen.append(Browser().ask(self.url + "/echo", headers={"Cookie": cookie}).status)

        threads = [threading.Thread(target=ask) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(set(seen), {200})
        self.assertEqual(self.steer("/counts")["refresh_token"], counts + 1)

    def test_an_outage_of_the_issuer_ends_no_session_before_its_time(self):
        self.steer("/life?seconds=8")
        self.logged_in()
        began = time.monotonic()
        self.steer("/down")
        # Its last quarter begins 6 s after it was issued at the latest; it ends 6.5 s after `began` at the earliest.
        while time.monotonic() < began + 6.2:
            self.assertEqual(self.browser.ask(self.url + "/echo", headers={}).status, 200)
            time.sleep(0.1)
        answer = system.wire.wait_until(self.over, 10, "the session's end")
        self.assertEqual(answer.status, 503)
        self.assertIn("policy_unavailable", answer.body)
        # Back again: the same session goes on, for its refresh token still counts.
        self.steer("/up")
        answer = system.wire.wait_until(self.alive, 15, "the session to go on")
        self.assertEqual(answer.echo["headers"]["x-consumer"], "alice")

    def over(self):
        answer = self.browser.ask(self.url + "/echo", headers={})
        return answer if answer.status != 200 else None

    def alive(self):
        answer = self.browser.ask(self.url + "/echo", headers={})
        return answer if answer.status == 200 else None

    def test_an_outage_in_the_middle_of_a_login(self):
        location = self.at_callback()
        self.steer("/down")
        self.assert_refused(self.browser.ask(location), 503, "no login")
        self.steer("/up")
        self.logged_in()

    def test_a_renewal_for_somebody_else_is_refused(self):
        self.steer("/life?seconds=4")
        self.logged_in()
        self.steer("/forge?sub=mallory")
        answer = system.wire.wait_until(self.over, 8, "the forged renewal")
        self.assertEqual(answer.status, 401)
        self.assertIn("somebody else", answer.body)

    # The end.

    def test_logout_ends_both_sessions(self):
        self.logged_in()
        answer = self.browser.ask(self.url + "/.login/logout")
        self.assertEqual(answer.status, 303)
        self.assertNotIn(COOKIE, self.browser.cookies())
        self.assertTrue(answer.location.startswith(self.issuer + "/session/end?"))
        self.assertIn("id_token_hint=", answer.location)
        page = self.browser.ask(answer.location)
        action = re.search(r'action="([^"]+)"', page.body)[1]
        xsrf = re.search(r'name="xsrf" value="([^"]+)"', page.body)[1]
        answer = self.browser.follow(self.browser.ask(urllib.parse.urljoin(page.url, action),
                                                      {"xsrf": xsrf, "logout": "yes"}))
        self.assertEqual(answer.url, self.url + "/open/bye")
        self.assertEqual(self.browser.ask(self.url + "/echo", headers={}).status, 401)
        self.assertIn('value="login"', self.browser.follow(self.browser.ask(self.url + "/echo")).body)

    def test_no_other_site_logs_people_out(self):
        self.logged_in()
        answer = self.browser.ask(self.url + "/.login/logout", headers={**PAGE, "Sec-Fetch-Site": "cross-site"})
        self.assertEqual(answer.status, 403)
        self.assertIn(COOKIE, self.browser.cookies())
        answer = self.browser.ask(self.url + "/.login/logout", form={})
        self.assertEqual(answer.status, 303)
        self.assertNotIn(COOKIE, self.browser.cookies())

    def test_why_tells_of_it_and_shows_no_secret(self):
        location = self.at_callback()
        answer = self.browser.ask(location)
        told = self.system.cli("why", answer.headers["X-Trace-Id"]).stdout
        self.assertIn("login of alice", told)
        page = self.browser.ask(self.url + "/echo")
        told += self.system.cli("why", page.headers["X-Trace-Id"]).stdout
        self.assertIn("login alice", told)
        code = urllib.parse.parse_qs(urllib.parse.urlsplit(location).query)["code"][0]
        told += self.system.output() + self.system.cli("logs").stdout
        for secret in [SECRET, FIRST, self.browser.cookies()[COOKIE][2:60], "eyJ", code]:
            self.assertNotIn(secret, told)


class Https(WithIssuer):
    MANIFEST = """
system: secure
telemetry: { access_log: none }
gateway:
  listen: <port>
  tls: local
  routes:
    - path: /*
      to: echo
      policies: { auth: { login: { issuer: "<issuer>", client: shop, secret: client.secret, session_secret: s } } }
contexts:
  test:
    echo: { run: "<python> <service>" }
"""

    def test_a_login_by_https_has_cookies_of_this_host_alone(self):
        self.start_issuer()
        running = system.System(self.MANIFEST, {"client.secret": SECRET, "s": FIRST},
                                service=system.ROOT / "tests/kit/service.py", issuer=self.issuer)
        url = f"https://localhost:{running.port}"
        self.steer("/begin?origin=" + url)
        with running:
            browser = Browser()
            answer = browser.log_in(browser.ask(url + "/echo"))
            self.assertEqual((answer.status, answer.url), (200, url + "/echo"), answer.body)
            self.assertEqual(answer.echo["headers"]["x-consumer"], "alice")
            self.assertNotIn(COOKIE, answer.echo["headers"].get("cookie", ""))
            ours = [cookie for cookie in browser.jar if COOKIE in cookie.name]
            self.assertEqual([(cookie.name, cookie.secure, cookie.path) for cookie in ours],
                             [("__Host-" + COOKIE, True, "/")])
            # The name that a neighbour by plain http could set is none.
            plain = Browser().ask(url + "/echo", headers={"Cookie": f"{COOKIE}={ours[0].value}"})
            self.assertEqual(plain.status, 401)


class LateIssuer(WithIssuer):
    def test_an_issuer_that_comes_later_than_the_gateway(self):
        self.start_issuer()
        manifest = Https.MANIFEST.replace("  tls: local\n", "")
        manifest = manifest.replace("session_secret: s", "session_secret: s, wait: 1s")
        running = system.System(manifest, {"client.secret": SECRET + " but wrong", "s": FIRST},
                                service=system.ROOT / "tests/kit/service.py", issuer=self.issuer)
        url = f"http://127.0.0.1:{running.port}"
        with running:
            browser = Browser()
            self.assertEqual(browser.ask(url + "/echo").status, 503)
            self.assertEqual(browser.ask(url + "/echo", headers={}).status, 401)
            self.assertEqual(browser.ask(url + "/.login/logout").body, "You are logged out.\n")
            self.steer("/begin?origin=" + url)
            answer = system.wire.wait_until(lambda: self.redirected(browser, url), 30, "the issuer to be found")
            # And a client that the issuer does not know by this secret logs nobody in.
            answer = browser.log_in(answer)
            self.assertEqual(answer.status, 401, answer.body)
            self.assertIn("invalid_client", answer.body)
            self.assertEqual(browser.ask(url + "/echo", headers={}).status, 401)

    @staticmethod
    def redirected(browser, url):
        answer = browser.ask(url + "/echo")
        return answer if answer.status == 303 else None


class Check(unittest.TestCase):
    MANIFEST = """
system: shop
gateway:
  routes:
    - path: /app/*
      to: shop
      policies: { auth: { login: { client: shop, session_secret: s<more> } } }
contexts:
  a:
    shop: { run: "true" }
"""

    def check(self, more, secret="x" * 32):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder)
            (path / "trunkline.yaml").write_text(self.MANIFEST.replace("<more>", more), encoding="utf-8")
            (path / "s").write_text(secret, encoding="utf-8")
            return system.run("check", cwd=folder)

    def test_what_cannot_work_is_told_with_its_place(self):
        good = ", issuer: https://i.example/, path: /app/.login"
        self.assertEqual(self.check(good).returncode, 0, self.check(good).stdout)
        for more, says in [
                (", issuer: https://i.example/", "no route that has this login takes /.login/callback"),
                (", issuer: http://i.example/, path: /app/.login", "must be an https URL"),
                (good + ", url: https://a/b", "must be an origin without a path"),
                (good + ", cookie: __Host-x", "is no cookie's name"), (good + ", cookie: a=b", "is no cookie's name"),
                (good + ", after_logout: //evil.example", "must be a path of this site"),
                (good + ", parameters: { state: a }", "a parameter that the login itself says"),
                (good + ", scopes: [\"a b\"]", "is no scope"), (good + ", secret: missing", "missing"),
                (", issuer: https://i.example/, path: '/app/{x}'", "must be a path without a slash at its end")]:
            with self.subTest(more):
                told = self.check(more)
                self.assertEqual(told.returncode, 2, told.stdout)
                self.assertRegex(told.stdout + told.stderr, r"trunkline\.yaml:\d+:\d+: error: .*" + re.escape(says))
        told = self.check(good, "x" * 31)
        self.assertIn("32 bytes at least", told.stdout + told.stderr)


if __name__ == "__main__":
    unittest.main()
