# deadline: 60
"""Signed requests (RFC 9421): a real client that signs by openssl and hmac, against the real binary."""
import base64
import hashlib
import hmac
import json
import pathlib
import subprocess
import tempfile
import time
import unittest

import system

SECRET = "a secret of the test that is long enough"
MANIFEST = """
system: signed
telemetry: { access_log: none }
gateway:
  listen: <port>
  routes:
    - path: /api/*
      to: echo
      policies:
        auth:
          signature: { keys: { batch: { secret: batch.secret, plan: gold }, partner: { key: ed.pem, roles: partner }, shop: { key: ec.pem }, old: rsa.pem }, most: 64KB }
          headers: { X-Roles: roles }
    - path: /staff/*
      to: echo
      policies:
        auth: { signature: { keys: { partner: { key: ed.pem, roles: partner }, batch: { secret: batch.secret } } } }
        allow: { roles: [partner] }
    - path: /strict/*
      to: echo
      policies:
        auth: { signature: { keys: { old: rsa.pem }, algorithms: rsa-pss-sha512, covers: ["@target-uri", date], label: mine, tag: app, max_age: 2s, leeway: 0s, body: false } }
    - path: /open/*
      to: echo
      policies: { auth: { methods: anonymous, signature: { keys: { batch: { secret: batch.secret } } } } }
contexts:
  test:
    echo: { run: "<python> <kit>", health: /healthz }
"""
COVERS = ("@method", "@authority", "@path", "@query")


def openssl(*arguments, stdin=None, folder=None):
    done = subprocess.run(["openssl", *arguments], input=stdin, capture_output=True, cwd=folder, timeout=20, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def setUpModule():
    global running, folder
    holder = tempfile.TemporaryDirectory(prefix="trunkline-signed-")
    unittest.addModuleCleanup(holder.cleanup)
    folder = pathlib.Path(holder.name)
    openssl("genpkey", "-algorithm", "ed25519", "-out", "ed.key", folder=folder)
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "ec.key", folder=folder)
    openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", "rsa.key", folder=folder)
    files = {"batch.secret": SECRET + "\n"}
    for name in ("ed", "ec", "rsa"):
        files[f"{name}.pem"] = openssl("pkey", "-in", f"{name}.key", "-pubout", folder=folder).decode()
    running = system.System(MANIFEST, files=files, kit=system.ROOT / "tests/kit/service.py").start()
    unittest.addModuleCleanup(running.stop)


def sign(algorithm, base):
    base = base.encode()
    if algorithm == "hmac-sha256":
        return hmac.new(SECRET.encode(), base, hashlib.sha256).digest()
    (folder / "base").write_bytes(base)
    if algorithm == "ed25519":
        return openssl("pkeyutl", "-sign", "-inkey", "ed.key", "-rawin", "-in", "base", folder=folder)
    if algorithm == "ecdsa-p256-sha256":
        der = openssl("dgst", "-sha256", "-sign", "ec.key", "base", folder=folder)
        numbers, at = [], 2  # two integers of DER, side by side
        for _ in range(2):
            size = der[at + 1]
            numbers.append(der[at + 2:at + 2 + size].lstrip(b"\0").rjust(32, b"\0"))
            at += 2 + size
        return b"".join(numbers)
    if algorithm == "rsa-pss-sha512":
        return openssl("dgst", "-sha512", "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:64", "-sign", "rsa.key",
                       "base", folder=folder)
    return openssl("dgst", "-sha256", "-sign", "rsa.key", "base", folder=folder)


def signed(method="GET", target="/api/echo?a=1", key="batch", algorithm="hmac-sha256", covers=COVERS, body=None, headers=(),
           parameters="", created=None, label="sig", sign_as=None):
    """The headers of a signed request; `sign_as` replaces what is signed: {component: value}."""
    headers = list(headers)
    if body is not None:
        digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
        headers.append(("Content-Digest", f"sha-256=:{digest}:"))
        covers = (*covers, "content-digest")
    path, _, query = target.partition("?")
    values = {"@method": method, "@authority": "conform.test", "@path": path, "@query": "?" + query,
              "@target-uri": f"http://conform.test{target}", **{name.lower(): value for name, value in headers}, **(sign_as or {})}
    created = int(time.time()) if created is None else created
    given = f'({" ".join(json.dumps(one) for one in covers)});created={created};keyid="{key}"{parameters}'
    base = "".join(f"{json.dumps(one)}: {values[one]}\n" for one in covers) + f'"@signature-params": {given}'
    signature = base64.b64encode(sign(algorithm, base)).decode()
    return [*headers, ("Signature-Input", f"{label}={given}"), ("Signature", f"{label}=:{signature}:")]


def both(one, other):
    """The headers of `one`, with the signatures of both."""
    more = dict(other)
    return [(name, f"{value}, {more[name]}" if name.startswith("Signature") else value) for name, value in one]


class Signed(unittest.TestCase):
    def ask(self, headers, target="/api/echo?a=1", method="GET", body=None):
        return running.ask(method, target, headers, body)

    def refused(self, words, headers, status=401, **more):
        answer = self.ask(headers, **more)
        self.assertEqual(answer.status, status, answer.body)
        self.assertIn(words, json.loads(answer.body)["detail"])

    def test_every_algorithm_names_its_caller(self):
        for key, algorithm in [("batch", "hmac-sha256"), ("partner", "ed25519"), ("shop", "ecdsa-p256-sha256"),
                               ("old", "rsa-pss-sha512"), ("old", "rsa-v1_5-sha256")]:
            for named in ("", f';alg="{algorithm}"'):
                with self.subTest(algorithm + named):
                    answer = self.ask(signed(key=key, algorithm=algorithm, parameters=named))
                    self.assertEqual(answer.status, 200, answer.body)
                    self.assertIn(key.encode(), answer.body)

    def test_roles_of_a_key_hold_for_allow(self):
        for key, algorithm, status in [("partner", "ed25519", 200), ("batch", "hmac-sha256", 403)]:
            answer = self.ask(signed(target="/staff/echo?a=1", key=key, algorithm=algorithm), target="/staff/echo?a=1")
            self.assertEqual(answer.status, status, answer.body)

    def test_what_was_changed_on_the_way_is_refused(self):
        for change in ({"@method": "POST"}, {"@path": "/api/other"}, {"@query": "?a=2"}, {"@authority": "other.test"}):
            self.refused("the signature is wrong", signed(sign_as=change))
        headers = signed()
        headers[-1] = ("Signature", headers[-1][1][:5] + ("A" if headers[-1][1][5] != "A" else "B") + headers[-1][1][6:])
        self.refused("the signature is wrong", headers)

    def test_a_body_is_signed_by_its_digest(self):
        body = b'{"amount": 7}'
        answer = self.ask(signed("POST", body=body), method="POST", body=body)
        self.assertEqual(answer.status, 200, answer.body)
        self.refused("the body has not the SHA-256", signed("POST", body=body), method="POST", body=b'{"amount": 8}')
        self.refused("does not cover content-digest", signed("POST"), method="POST", body=body)
        large = b"x" * (65 << 10)
        self.assertEqual(self.ask(signed("POST", body=large), method="POST", body=large).status, 413)

    def test_old_and_future_ones_and_unknown_keys(self):
        now = int(time.time())
        self.refused("too old", signed(created=now - 400))
        self.refused("in the future", signed(created=now + 100))
        self.refused("has expired", signed(created=now - 60, parameters=f";expires={now - 50}"))
        self.refused("keyid is not known", signed(key="nobody"))
        self.refused("does not cover @query", signed(covers=("@method", "@authority", "@path")))

    def test_keys_are_not_mixed_up(self):
        # The public key as the secret of HMAC, and an algorithm that is not the key's.
        public = (running.folder / "ed.pem").read_bytes()
        headers = signed(key="partner", algorithm="ed25519", parameters=';alg="hmac-sha256"')
        self.refused("algorithm is not one for this key", headers)
        given = headers[-2][1].removeprefix("sig=")
        base = f'"@method": GET\n"@authority": conform.test\n"@path": /api/echo\n"@query": ?a=1\n"@signature-params": {given}'
        forged = base64.b64encode(hmac.new(public, base.encode(), hashlib.sha256).digest()).decode()
        self.refused("algorithm is not one for this key", [*headers[:-1], ("Signature", f"sig=:{forged}:")])
        self.refused("the signature is wrong", signed(key="partner", algorithm="hmac-sha256"))

    def test_forms_that_leave_a_doubt(self):
        good = signed()
        self.refused("has no Signature", good[:-1])
        self.refused("no Signature-Input", good[-1:])
        self.refused("no dictionary", [("Signature-Input", "sig=("), good[-1]])
        self.refused("no dictionary", both(good, good))  # the same label twice
        other = [(name, value.replace("sig=", "more=")) for name, value in signed()]
        self.refused("several signatures", both(good, other))
        self.refused("is named twice", signed(covers=(*COVERS, "@path")))
        self.refused("not known", signed(covers=(*COVERS, "@status"), sign_as={"@status": "200"}))
        self.refused("is too long", [("Signature-Input", good[-2][1] + ";x=\"" + "y" * 9000 + '"'), good[-1]])
        self.refused("the request has no credential", [])

    def test_a_wrong_one_never_passes_as_anonymous(self):
        self.assertEqual(self.ask([], target="/open/echo?a=1").status, 200)
        self.assertEqual(self.ask(signed(target="/open/echo?a=1"), target="/open/echo?a=1").status, 200)
        self.refused("keyid is not known", signed(target="/open/echo?a=1", key="nobody"), target="/open/echo?a=1")

    def test_what_a_manifest_asks_for_holds(self):
        target, date = "/strict/echo", ("Date", "Fri, 27 Nov 2026 00:00:00 GMT")

        def strict(**more):
            given = {"covers": ("@target-uri", "date"), "headers": [date], "label": "mine", "parameters": ';tag="app"',
                     "key": "old", "algorithm": "rsa-pss-sha512", "target": target, **more}
            return signed(**given)
        other = [(name, value.replace("sig=", "other=")) for name, value in signed(target=target)]
        self.assertEqual(self.ask(strict(), target=target).status, 200)
        self.assertEqual(self.ask(both(strict(), other), target=target).status, 200)
        self.refused("algorithm", strict(algorithm="rsa-v1_5-sha256", parameters=';tag="app";alg="rsa-v1_5-sha256"'), target=target)
        self.refused("the signature is wrong", strict(algorithm="rsa-v1_5-sha256"), target=target)
        self.refused("tag is not", strict(parameters=""), target=target)
        self.refused("does not cover date", strict(covers=("@target-uri",)), target=target)
        self.refused("no signature \"mine\"", strict(label="yours"), target=target)
        self.refused("too old", strict(created=int(time.time()) - 4), target=target)

    def test_mistakes_of_the_manifest_are_told(self):
        text = running.manifest.read_text()
        for old, new, words in [("key: ed.pem, roles: partner }, shop", "roles: partner }, shop", 'key "partner" needs a file'),
                                ("old: rsa.pem }, most", "old: nowhere.pem }, most", "nowhere.pem"),
                                ("rsa-pss-sha512", "none", "ed25519"),
                                ('["@target-uri", date]', '["@Method"]', "is no component")]:
            with self.subTest(new):
                self.assertIn(old, text)
                (running.folder / "wrong.yaml").write_text(text.replace(old, new))
                done = running.cli("check", "--manifest", "wrong.yaml")
                self.assertEqual(done.returncode, 2)
                self.assertRegex(done.stdout + done.stderr, r"wrong\.yaml:\d+:\d+: error: ")
                self.assertIn(words, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
