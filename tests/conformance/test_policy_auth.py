# deadline: 300
"""Who you are and may you: API keys, HTTP Basic, tokens and rules for callers, by clients against the real binary. What
is wrong in any way is refused by the method that it belongs to, and nothing a client says of itself reaches a service."""
import base64
import http.server
import json
import os
import pathlib
import signal
import socket
import sys
import tempfile
import threading
import time
import unittest

import system

sys.path.insert(0, str(system.ROOT / "tests"))
from kit import certificates, tokens  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
SERVICE = system.ROOT / "tests/kit/service.py"
ISSUER = "https://issuer.example/"
SECRET = b"a secret of forty bytes, known to nobody."
ARGON2_OF_CORRECT_HORSE = "$argon2id$v=19$m=256,t=2,p=1$c2FsdHNhbHQ$FWTrF4rU/O/tyvI+XxoS+pWs6pOm01Vss55PvsMNrSE"

MANIFEST = """
system: who
telemetry: { access_log: none }
gateway:
  listen: <port>
  routes:
    - { path: /open/*, to: echo }
    - { path: /key/*, to: echo, policies: { auth: api_key } }
    - { path: /either/*, to: echo, policies: { auth: [api_key, anonymous] } }
    - path: /places/*
      to: node
      policies: { auth: { api_key: { from: [authorization Bearer, query key] } } }
    - path: /kept/*
      to: echo
      policies: { auth: { api_key: { from: header X-Token, keep: true } } }
    - path: /basic/*
      to: echo
      policies: { auth: { basic: users, realm: shop } }
    - path: /jwt/*
      to: echo
      policies:
        auth:
          jwt: { issuer: <issuer>, audience: shop, jwks: keys.json }
          headers: { X-Tier: claims.tier, X-Roles: roles, X-Deep: claims.a.b }
    - path: /secret/*
      to: echo
      policies: { auth: { jwt: { issuer: <issuer>, audience: shop, secret: secret } } }
    - path: /two/*
      to: echo
      policies:
        auth:
          jwt:
            - { issuer: <issuer>, audience: shop, jwks: keys.json }
            - { issuer: staff, audience: shop, secret: secret, keep: false }
    - path: /any/*
      to: echo
      policies: { auth: { jwt: { issuer: <issuer>, audience: shop, jwks: keys.json }, methods: [api_key, anonymous] } }
    - path: /remote/*
      to: echo
      policies: { auth: { jwt: { issuer: <issuer>, audience: shop, jwks: "<jwks>", refresh: 1h, wait: 3s } } }
    - path: /orders/*
      to: echo
      policies:
        auth: { jwt: { issuer: <issuer>, audience: shop, jwks: keys.json }, methods: api_key }
        allow: { scopes: ["orders:read"], methods: { POST: { scopes: ["orders:write"] } } }
    - path: /tiers/*
      to: echo
      policies:
        auth: { jwt: { issuer: <issuer>, audience: shop, jwks: keys.json } }
        allow: { claims: { tier: { any: [gold, silver] }, groups: { all: [a, b] }, age: 7, note: { contains: yes } } }
    - path: /audit/*
      to: echo
      policies:
        auth: { jwt: { issuer: <issuer>, audience: shop, jwks: keys.json }, methods: anonymous }
        allow: { roles: [staff], audit: true }
    - path: /nobody/*
      to: echo
      policies: { allow: { roles: [staff] } }
    - path: /only-get/*
      to: echo
      policies: { auth: anonymous, allow: { methods: { GET: {} } } }
contexts:
  test:
    echo: { run: "<python> <service>" }
    node: { run: "<python> <node>" }
"""


class Issuer:
    """Serves a JWKS and counts how often it is asked."""
    def __init__(self):
        self.keys, self.asked, self.down = [], 0, False
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                owner.asked += 1
                body = json.dumps({"keys": owner.keys}).encode()
                self.send_response(500 if owner.down else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/jwks.json"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def claims(**more):
    now = int(time.time())
    return {"iss": ISSUER, "aud": "shop", "sub": "alice", "exp": now + 600, "iat": now, **more}


def bearer(token):
    return ("Authorization", f"Bearer {token}")


def basic(name, password):
    return ("Authorization", "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode())


def hash_of(password):
    return certificates.openssl("passwd", "-6", password).strip()


@unittest.skipUnless(certificates.available(), "the openssl command is missing")
class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        scratch = tempfile.TemporaryDirectory()
        cls.addClassCleanup(scratch.cleanup)
        cls.keys = {name: tokens.Key(scratch.name, name)
                    for name in ["RS256", "PS384", "ES256", "ES384", "ES512", "EdDSA"]}
        cls.spare = tokens.Key(scratch.name, "ES256", "spare")
        cls.issuer = Issuer()
        cls.addClassCleanup(cls.issuer.close)
        cls.issuer.keys = [cls.keys["ES256"].jwk()]
        # RS256's key says of itself that it is for any RSA algorithm.
        jwks = {"keys": [key.jwk(alg=None) for key in cls.keys.values()] +
                [{"kty": "oct", "kid": "oct", "k": tokens.b64(SECRET)}, {"kty": "RSA", "kid": "broken", "n": "AQAB"}]}
        users = f"# people\nalice:{hash_of('correct horse')}:staff,billing\nbob:{hash_of('battery')}\n"
        users += f"carol:{ARGON2_OF_CORRECT_HORSE}\n"
        cls.system = system.System(MANIFEST, service=SERVICE, node=HERE / "node.py", issuer=ISSUER, jwks=cls.issuer.url,
                                   files={"keys.json": json.dumps(jwks), "users": users, "secret": SECRET.decode()})
        cls.system.start()
        cls.addClassCleanup(cls.system.stop)
        cls.key = cls.system.cli("keys", "create", "partner", "--plan", "gold", "--scope", "orders:read").stdout.strip()

    def ask(self, path, *headers, method="GET"):
        return self.system.ask(method, path, list(headers))

    def seen(self, path, *headers, method="GET"):
        """What the service saw, as lower-case headers."""
        answer = self.ask(path, *headers, method=method)
        self.assertEqual(answer.status, 200, answer.body)
        return {name.lower(): value for name, value in json.loads(answer.body)["headers"].items()}

    def ask_twice(self, path, *headers):
        """With lines of the same name, which ask() would make one."""
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
        with self.system.client() as client:
            client.send(f"GET {path} HTTP/1.1\r\nHost: x\r\n{lines}\r\n".encode())
            return client.response()

    def refused(self, answer, status=401, cause="unauthenticated"):
        self.assertEqual((answer.status, answer.headers.get("X-Trunkline-Cause")), (status, cause), answer.body)
        self.assertIsNone(answer.headers.get("X-Instance"), "it has not reached the service")
        return json.loads(answer.body)["detail"]


class ApiKeys(Case):
    def test_a_key_names_its_owner_and_is_kept_from_the_service(self):
        seen = self.seen("/key/1", ("X-API-Key", self.key))
        self.assertEqual(seen["x-consumer"], "partner")
        self.assertNotIn("x-api-key", seen)
        seen = self.seen("/kept/1", ("X-Token", self.key))
        self.assertEqual(seen["x-token"], self.key)

    def test_without_a_key_it_is_told_how(self):
        answer = self.ask("/key/1")
        self.refused(answer)
        self.assertEqual(answer.headers.get("WWW-Authenticate"), 'ApiKey realm="trunkline", in="header X-API-Key"')

    def test_wrong_keys_are_refused_and_never_anonymous(self):
        flipped = self.key[:-1] + ("A" if self.key[-1] != "A" else "B")
        for wrong in [flipped, "", "x", self.key + "A", self.key[:-1], self.key.upper(), "tlk_00000000_" + "A" * 43, "a" * 4000]:
            for path in ["/key/1", "/either/1", "/any/1"]:
                self.refused(self.ask(path, ("X-API-Key", wrong)))
        self.refused(self.ask_twice("/either/1", ("X-API-Key", self.key), ("X-API-Key", self.key)))
        self.assertNotIn("x-consumer", self.seen("/either/1"))

    def test_other_places(self):
        self.assertEqual(self.seen("/places/1", bearer(self.key))["x-consumer"], "partner")
        for query, left in [(f"?a=1&key={self.key}&b=2", "?a=1&b=2"), (f"?key={self.key}", "")]:
            answer = self.ask("/places/1" + query)
            self.assertEqual(answer.status, 200)
            self.assertEqual(json.loads(answer.body)["path"], "/places/1" + left)
        self.refused(self.ask("/places/1", ("X-API-Key", self.key)))
        self.refused(self.ask(f"/places/1?key={self.key}", bearer(self.key)))

    def test_keys_are_made_listed_rotated_and_revoked_without_a_restart(self):
        cli = self.system.cli
        first = cli("keys", "create", "shop-app", "--role", "staff").stdout.strip()
        self.assertRegex(first, r"^tlk_[0-9a-f]{8}_[A-Za-z0-9_-]{43}$")
        self.assertEqual(self.seen("/key/1", ("X-API-Key", first))["x-consumer"], "shop-app")
        again = cli("keys", "create", "shop-app")
        self.assertEqual(again.returncode, 1)
        self.assertIn("there is a key of this name", again.stderr)
        second = cli("keys", "rotate", "shop-app", "--grace", "1h").stdout.strip()
        for key in [first, second]:
            self.assertEqual(self.seen("/key/1", ("X-API-Key", key))["x-consumer"], "shop-app")
        shown = cli("keys", "list").stdout
        self.assertIn("the former one ends", shown)
        self.assertNotIn(second, shown)
        third = cli("keys", "rotate", "shop-app", "--grace", "0").stdout.strip()
        for key in [first, second]:
            self.refused(self.ask("/key/1", ("X-API-Key", key)))
        self.seen("/key/1", ("X-API-Key", third))
        listed = {key["name"]: key for key in self.system.json("keys", "list")["keys"]}
        self.assertIsNotNone(listed["shop-app"]["used"])
        self.assertEqual(listed["shop-app"]["roles"], ["staff"])
        self.assertEqual(cli("keys", "revoke", "shop-app").returncode, 0)
        self.refused(self.ask("/key/1", ("X-API-Key", third)))
        self.assertEqual(cli("keys", "revoke", "shop-app").returncode, 1)
        self.assertEqual(cli("keys", "create").returncode, 2)

    def test_the_file_holds_hashes_and_is_ours_alone(self):
        file = self.system.folder / ".trunkline/api_keys.json"
        self.assertEqual(file.stat().st_mode & 0o777, 0o600)
        self.assertNotIn(self.key, file.read_text())
        self.assertNotIn(self.key[13:], file.read_text())


class Basic(Case):
    def test_a_password_names_its_user_and_is_kept_from_the_service(self):
        seen = self.seen("/basic/1", basic("alice", "correct horse"))
        self.assertEqual(seen["x-consumer"], "alice")
        self.assertNotIn("authorization", seen)
        self.assertEqual(self.seen("/basic/1", basic("bob", "battery"))["x-consumer"], "bob")

    def test_a_password_may_be_kept_as_argon2(self):
        self.assertEqual(self.seen("/basic/1", basic("carol", "correct horse"))["x-consumer"], "carol")
        self.refused(self.ask("/basic/1", basic("carol", "correct hors")))

    def test_a_browser_is_asked_for_a_password(self):
        answer = self.ask("/basic/1")
        self.refused(answer)
        self.assertEqual(answer.headers.get("WWW-Authenticate"), 'Basic realm="shop", charset="UTF-8"')

    def test_guessing_ends_after_some_tries(self):
        malformed = [("Authorization", "Basic " + text) for text in ["", "!", "YWxpY2U=", "YWxpY2U6eA", "YWxpY2U6eB=="]]
        for wrong in malformed:
            self.refused(self.ask("/basic/1", wrong))
        answers = [self.ask("/basic/1", basic(name, "guess")) for name in ["alice", "nobody"] * 24]
        for answer in answers[:10]:
            self.refused(answer)
        # Each thread counts by itself.
        self.assertEqual({answer.status for answer in answers}, {401, 429})
        self.refused(answers[-1] if answers[-1].status == 429 else next(a for a in answers if a.status == 429), 429,
                     "rate_limited")


class Tokens(Case):
    def test_all_algorithms_name_the_caller(self):
        for name, key in self.keys.items():
            with self.subTest(name):
                token = key.token(claims(tier="gold", roles=["staff", "ops"], a={"b": "x"}))
                for _ in range(2):  # the second time from the cache
                    seen = self.seen("/jwt/1", bearer(token))
                    self.assertEqual(seen["x-consumer"], "alice")
                    self.assertEqual((seen["x-tier"], seen["x-roles"], seen["x-deep"]), ("gold", "staff,ops", "x"))
                    self.assertEqual(seen["authorization"], f"Bearer {token}")

    def test_why_tells_who_it_was_and_nothing_secret(self):
        token = self.keys["ES256"].token(claims())
        answer = self.ask("/jwt/1", bearer(token))
        said = self.system.cli("why", answer.headers.get("X-Trace-Id")).stdout
        self.assertIn("auth: jwt alice", said)
        self.assertNotIn(token[:20], said)

    def test_a_missing_and_a_wrong_token_are_told_apart(self):
        answer = self.ask("/jwt/1")
        self.refused(answer)
        self.assertEqual(answer.headers.get("WWW-Authenticate"), 'Bearer realm="trunkline"')
        answer = self.ask("/jwt/1", bearer("x.y.z"))
        self.refused(answer)
        self.assertIn('error="invalid_token"', answer.headers.get("WWW-Authenticate"))

    def wrong(self, token, path="/jwt/1", because=None):
        detail = self.refused(self.ask(path, bearer(token)))
        if because:
            self.assertIn(because, detail)

    def test_claims_that_do_not_hold(self):
        key, now = self.keys["ES256"], int(time.time())
        for because, more in [("issuer", {"iss": "https://evil.example/"}), ("issuer", {"iss": ISSUER.rstrip("/")}),
                              ("issuer", {"iss": [ISSUER]}), ("audience", {"aud": "desk"}), ("audience", {"aud": ["desk"]}),
                              ("audience", {"aud": {"shop": 1}}), ("expired", {"exp": now - 31}), ("expired", {"exp": 0}),
                              ("not valid yet", {"nbf": now + 60}), ("future", {"iat": now + 60}),
                              ("no number", {"exp": str(now + 600)}), ("no number", {"nbf": None}), ("no number", {"exp": -1}),
                              ("no subject", {"sub": ""}), ("no subject", {"sub": 7})]:
            with self.subTest(str(more)):
                self.wrong(key.token(claims(**more)), because=because)
        without = claims()
        del without["exp"]
        self.wrong(key.token(without), because="when it expires")
        for good in [{"exp": now - 10}, {"nbf": now + 20}, {"iat": now + 20}, {"aud": ["desk", "shop"]}, {"exp": now + 60.5},
                     {"exp": 1e300}]:
            with self.subTest(str(good)):
                self.seen("/jwt/1", bearer(key.token(claims(**good))))

    def test_an_algorithm_is_never_the_clients_choice(self):
        rsa = self.keys["RS256"]
        told = f"{tokens.segment({'alg': 'none', 'typ': 'JWT'})}.{tokens.segment(claims())}"
        for none in [told + ".", told, told + ".eA"]:
            self.wrong(none)
        for spelled in ["None", "NONE", "nOnE", "rs256", "RS256 ", "", "ES256K", "HS256"]:
            self.wrong(rsa.token(claims(), {"alg": spelled}))
        # The public key as the secret of HMAC: in PEM, in DER, as the modulus; and the key that the set calls a secret.
        public = rsa.public().encode()
        for secret in [public, public.strip(), base64.b64decode(b"".join(public.split(b"\n")[1:-2])), SECRET]:
            for kid in [rsa.kid, "oct"]:
                self.wrong(tokens.hmac_token(secret, claims(), kid=kid))
        # An EC key of another curve than the algorithm's, an RSA signature of another kind.
        es256 = self.keys["ES256"]
        self.wrong(es256.token(claims(), {"alg": "ES384"}))
        self.wrong(self.keys["ES384"].token(claims(), {"alg": "ES256"}))
        self.wrong(rsa.token(claims(), {"alg": "PS256"}))
        self.wrong(es256.token(claims(), {"kid": rsa.kid, "alg": "RS256"}))

    def test_secrets_and_keys_do_not_mix(self):
        self.seen("/secret/1", bearer(tokens.hmac_token(SECRET, claims())))
        self.wrong(tokens.hmac_token(SECRET + b"!", claims()), "/secret/1")
        self.wrong(tokens.hmac_token(SECRET, claims(), "HS512"), "/secret/1")  # RFC 7518 3.2: it is too short for it
        self.wrong(self.keys["RS256"].token(claims()), "/secret/1")

    def test_of_two_issuers_the_named_one_decides(self):
        rsa = self.keys["RS256"]
        for _ in range(2):  # checked, and remembered
            seen = self.seen("/two/1", bearer(rsa.token(claims())))
            self.assertEqual((seen["x-consumer"], "authorization" in seen), ("alice", True))
            seen = self.seen("/two/1", bearer(tokens.hmac_token(SECRET, claims(iss="staff", sub="ada"))))
            self.assertEqual((seen["x-consumer"], "authorization" in seen), ("ada", False))
        # Each by the other's key, and nobody's.
        self.wrong(rsa.token(claims(iss="staff")), "/two/1")
        self.wrong(tokens.hmac_token(SECRET, claims()), "/two/1")
        self.wrong(rsa.token(claims(iss="elsewhere")), "/two/1", because="no issuer that is taken here")
        self.wrong(rsa.token(claims(iss=["staff", ISSUER])), "/two/1")
        self.wrong(rsa.token(claims(iss=None)), "/two/1")
        for none in ["x", "..", "x.y.z", "e30.e30.", "e30.W10.eA", "a" * 20000]:
            self.wrong(none, "/two/1")

    def test_kids_are_names_and_nothing_else(self):
        key = self.keys["ES256"]
        for kid in ["../../../../dev/null", "/dev/null", "x' OR '1'='1", "keys.json", "", "\u0000", "es256\u0000"]:
            self.wrong(key.token(claims(), {"kid": kid}))
        self.wrong(key.token(claims(), {"kid": "k" * 257}), because="too long")
        self.wrong(key.token(claims(), {"kid": 7}))
        self.wrong(key.token(claims(), {"kid": self.keys["ES384"].kid}))
        self.seen("/jwt/1", bearer(key.token(claims(), {"kid": None})))

    def test_keys_that_come_with_the_token_are_not_used(self):
        evil = self.spare
        for header in [{"jwk": evil.jwk(), "kid": None}, {"jku": self.issuer.url, "kid": evil.kid},
                       {"x5u": self.issuer.url, "kid": None}, {"x5c": ["MIIB"], "kid": None}]:
            asked = self.issuer.asked
            self.wrong(evil.token(claims(), header))
            self.assertEqual(self.issuer.asked, asked, "it was not asked where the token says")
        for header in [{"crit": ["exp"]}, {"crit": []}, {"crit": ["b64"], "b64": False}, {"zip": "DEF"}]:
            self.wrong(self.keys["ES256"].token(claims(), header))

    def test_a_signature_has_one_spelling(self):
        key = self.keys["ES256"]
        token = key.token(claims())
        head, signature = token.rsplit(".", 1)
        raw = base64.urlsafe_b64decode(signature + "==")
        alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        second = signature[:-1] + alphabet[alphabet.index(signature[-1]) ^ 1]  # the same bytes, other trailing bits
        for text in [second, signature + "==", signature + "A", signature.replace("-", "+"), "",
                     tokens.b64(raw[:32] + b"\0" * 32), tokens.b64(b"\0" * 64), tokens.b64(raw + b"\0"),
                     tokens.b64(raw[:-1]), tokens.b64(raw[32:] + raw[:32]),
                     tokens.b64(b"\x30\x44\x02\x20" + raw[:32] + b"\x02\x20" + raw[32:])]:
            if text != signature:
                self.wrong(f"{head}.{text}")
        rsa = self.keys["RS256"].token(claims())
        head, signature = rsa.rsplit(".", 1)
        raw = base64.urlsafe_b64decode(signature + "==")
        self.wrong(f"{head}.{tokens.b64(bytes([0]) + raw)}")
        self.wrong(f"{head}.{tokens.b64(raw[:-1] + bytes([raw[-1] ^ 1]))}")

    def test_json_that_can_be_read_in_two_ways_is_none(self):
        key = self.keys["ES256"]
        plain = json.dumps(claims())
        for payload in [plain[:-1] + ', "sub": "bob"}', plain[:-1] + ', "x": ' + "[" * 200 + "]" * 200 + "}", "[]", "7",
                        plain + "x", plain[:-1] + ', "x": "\\ud800"}', plain.replace("alice", "al\xffice"), "{", ""]:
            raw = payload.encode("latin-1")
            told = f"{tokens.segment({'alg': 'ES256', 'kid': key.kid})}.{tokens.segment(raw)}"
            self.wrong(f"{told}.{tokens.b64(key.sign(told.encode()))}")
        header = b'{"alg":"ES256","kid":"es256","alg":"none"}'
        told = f"{tokens.segment(header)}.{tokens.segment(claims())}"
        self.wrong(f"{told}.{tokens.b64(key.sign(told.encode()))}")
        self.wrong(key.token(claims(pad="x" * 13000)), because="too long")
        self.wrong(key.token(json.dumps(claims(many=[0] * 4500), separators=(",", ":")).encode()), because="payload")

    def test_a_claim_cannot_end_a_header(self):
        token = self.keys["ES256"].token(claims(sub="eve\r\nX-Roles: root", tier="100% g\u00f6ld"))
        seen = self.seen("/jwt/1", bearer(token))
        self.assertEqual(seen["x-consumer"], "eve%0D%0AX-Roles: root")
        self.assertEqual(seen["x-tier"], "100%25 g%C3%B6ld")
        self.assertNotIn("x-roles", seen)

    def test_an_unknown_key_is_fetched_and_an_outage_changes_nothing(self):
        old = self.keys["ES256"].token(claims())
        self.seen("/remote/1", bearer(old))
        asked = self.issuer.asked
        self.issuer.keys = [self.keys["ES256"].jwk(), self.spare.jwk()]
        fresh = self.spare.token(claims(sub="carol"))
        self.assertEqual(self.seen("/remote/1", bearer(fresh))["x-consumer"], "carol")
        self.assertGreater(self.issuer.asked, asked)
        # However many ask for keys that there are not, the issuer is asked a few times.
        asked = self.issuer.asked
        for i in range(40):
            self.refused(self.ask("/remote/1", bearer(self.spare.token(claims(), {"kid": f"made up {i}"}))))
        self.assertLessEqual(self.issuer.asked - asked, 6)
        self.issuer.down = True
        self.addCleanup(setattr, self.issuer, "down", False)
        for token in [old, fresh, self.spare.token(claims(sub="dave"))]:
            self.seen("/remote/1", bearer(token))


class Headers(Case):
    def test_no_client_may_say_who_it_is(self):
        for path in ["/open/1", "/either/1"]:
            for name in ["X-Consumer", "x-consumer", "X_Consumer", "X-TIER", "X_Roles", "X-Deep"]:
                self.assertNotIn(name.lower(), self.seen(path, (name, "root")))
        seen = self.seen("/key/1", ("X-API-Key", self.key), ("X-Consumer", "root"), ("X_Consumer", "root"))
        self.assertEqual((seen["x-consumer"], seen.get("x_consumer")), ("partner", None))

    def test_connection_cannot_take_a_header_of_ours_away(self):
        for option in ["X-Consumer", "close, x-consumer", "x_tier"]:
            seen = self.seen("/key/1", ("X-API-Key", self.key), ("Connection", option))
            self.assertEqual(seen["x-consumer"], "partner", option)

    def test_two_credentials_are_one_too_many(self):
        token = self.keys["ES256"].token(claims())
        self.assertIn("two credentials", self.refused(self.ask("/any/1", ("X-API-Key", self.key), bearer(token))))
        self.refused(self.ask_twice("/any/1", bearer(token), bearer(token)))
        self.refused(self.ask("/any/1", basic("alice", "correct horse")))
        self.refused(self.ask("/any/1", ("X-API-Key", self.key), basic("alice", "x")))
        self.refused(self.ask("/any/1", bearer("")))
        self.refused(self.ask("/any/1", ("Authorization", "Bearer")))
        self.assertEqual(self.seen("/any/1", bearer(token))["x-consumer"], "alice")
        self.assertEqual(self.seen("/any/1", ("X-API-Key", self.key))["x-consumer"], "partner")
        self.assertNotIn("x-consumer", self.seen("/any/1"))


class Allow(Case):
    def token(self, **more):
        return bearer(self.keys["ES256"].token(claims(**more)))

    def test_scopes_by_method(self):
        read, write = self.token(scope="orders:read x"), self.token(scp=["orders:write"])
        self.seen("/orders/1", read)
        self.seen("/orders/1", write, method="POST")
        self.assertIn("the scope orders:write", self.refused(self.ask("/orders/1", read, method="POST"), 403, "forbidden"))
        self.assertIn("the scope orders:read", self.refused(self.ask("/orders/1", write), 403, "forbidden"))
        self.refused(self.ask("/orders/1", self.token(scope="orders:readx orders")), 403, "forbidden")
        self.seen("/orders/1", ("X-API-Key", self.key))

    def test_claims(self):
        good = {"tier": "gold", "groups": ["a", "b", "c"], "age": 7, "note": "oh yes"}
        self.seen("/tiers/1", self.token(**good))
        for claim, values in {"tier": ["bronze", "goldx", None, {"gold": 1}, 7], "groups": ["a", ["a"], [], None, [["a", "b"]]],
                              "age": [8, [7], None, "77"], "note": ["no", None]}.items():
            for value in values:
                with self.subTest(f"{claim} {value}"):
                    detail = self.refused(self.ask("/tiers/1", self.token(**{**good, claim: value})), 403, "forbidden")
                    self.assertIn(f"the claim {claim}", detail)

    def test_audit_lets_pass_and_counts(self):
        answer = self.ask("/audit/1", self.token())
        self.assertEqual(answer.status, 200)
        said = self.system.cli("why", answer.headers.get("X-Trace-Id")).stdout
        self.assertIn("allow: would refuse: needs the role staff", said)
        self.seen("/audit/1", self.token(roles="staff"))
        with socket.socket(socket.AF_UNIX) as admin:
            admin.settimeout(10)
            admin.connect(str(self.system.folder / ".trunkline/admin.sock"))
            admin.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            page = admin.makefile("rb").read().decode()
        self.assertRegex(page, r'trunkline_policy_audited_total\{policy="allow",route="/audit/\*"\} [1-9]')

    def test_nobody_is_nobody(self):
        self.refused(self.ask("/nobody/1"), 403, "forbidden")
        self.refused(self.ask("/nobody/1", ("X-Roles", "staff")), 403, "forbidden")
        self.seen("/only-get/1")
        self.assertEqual(self.ask("/only-get/1", method="HEAD").status, 200)
        self.refused(self.ask("/only-get/1", method="DELETE"), 403, "forbidden")


class Keeping(unittest.TestCase):
    MANIFEST = """
system: keeping
telemetry: { access_log: none }
gateway:
  listen: <port>
  routes: [{ path: /*, to: echo, policies: { auth: api_key } }]
contexts:
  test:
    echo: { run: "<python> <service>" }
"""

    def test_a_key_that_was_told_survives_kill_9_and_a_revoked_one_stays_gone(self):
        running = system.System(self.MANIFEST, service=SERVICE).start()
        try:
            kept = running.cli("keys", "create", "kept").stdout.strip()
            gone = running.cli("keys", "create", "gone").stdout.strip()
            running.cli("keys", "revoke", "gone")
            os.killpg(running.process.pid, signal.SIGKILL)
            running.process.wait()
            running.start()
            self.assertEqual(running.ask("GET", "/1", [("X-API-Key", kept)]).status, 200)
            self.assertEqual(running.ask("GET", "/1", [("X-API-Key", gone)]).status, 401)
        finally:
            running.stop()

    def test_a_damaged_file_refuses_all_and_is_not_overwritten(self):
        running = system.System(self.MANIFEST, service=SERVICE)
        state = running.folder / ".trunkline"
        state.mkdir(mode=0o700)
        (state / "api_keys.json").write_text('{"form": 1, "keys": [')
        running.start()
        try:
            refused = running.cli("keys", "create", "new")
            self.assertEqual(refused.returncode, 1)
            self.assertIn("cannot be read", refused.stderr)
            self.assertEqual((state / "api_keys.json").read_text(), '{"form": 1, "keys": [')
            self.assertEqual(running.ask("GET", "/1", [("X-API-Key", "x")]).status, 401)
        finally:
            running.stop()


if __name__ == "__main__":
    unittest.main()
