# deadline: 300
"""Tokens made by jose (npm), the library that most services in JavaScript use: every algorithm, keys found by discovery,
keys that rotate under load, and an issuer that is down in the middle. No valid token is refused, no wrong one passes."""
import json
import pathlib
import subprocess
import threading
import unittest
import urllib.request

import npm_cache
import system

HERE = pathlib.Path(__file__).resolve().parent
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
MANIFEST = """
system: jose
telemetry: { access_log: none }
gateway:
  listen: <port>
  threads: 2
  routes:
    - path: /*
      to: echo
      policies:
        auth: { jwt: { issuer: "<issuer>", audience: shop, refresh: 1s, wait: 20s, type: at+jwt } }
contexts:
  test:
    echo: { run: "<python> <service>" }
"""


class Jose(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.process = subprocess.Popen(["node", str(HERE / "jose_issuer.js")], stdout=subprocess.PIPE, text=True,
                                       env=npm_cache.environment())
        cls.addClassCleanup(cls.end)
        cls.url = f"http://127.0.0.1:{int(cls.process.stdout.readline())}"
        cls.system = system.System(MANIFEST, service=system.ROOT / "tests/kit/service.py", issuer=cls.url).start()
        cls.addClassCleanup(cls.system.stop)

    @classmethod
    def end(cls):
        cls.process.kill()
        cls.process.wait()
        cls.process.stdout.close()

    def issuer(self, path):
        with urllib.request.urlopen(self.url + path, timeout=20) as answer:
            return json.load(answer)

    def token(self, algorithm, subject="alice"):
        return self.issuer(f"/token?alg={algorithm}&sub={subject}")["token"]

    def ask(self, token):
        return self.system.ask("GET", "/echo", [("Authorization", f"Bearer {token}")])

    def test_every_algorithm(self):
        for algorithm in ALGORITHMS:
            with self.subTest(algorithm):
                answer = self.ask(self.token(algorithm, f"user-{algorithm}"))
                self.assertEqual(answer.status, 200, answer.body)
                self.assertEqual(json.loads(answer.body)["headers"]["x-consumer"], f"user-{algorithm}")

    def test_rotation_and_an_outage_refuse_no_valid_token_and_let_no_wrong_one_pass(self):
        wrong, asked, stop = [], {"good": 0, "bad": 0}, threading.Event()
        current = [self.token("ES256")]

        def load():
            while not stop.is_set():
                token = current[-1]
                head, _, signature = token.rpartition(".")
                flipped = f"{head}.{signature[:10]}{'A' if signature[10] != 'A' else 'B'}{signature[11:]}"
                for kind, text, wanted in [("good", token, 200), ("bad", flipped, 401)]:
                    answer = self.ask(text)
                    asked[kind] += 1
                    if answer.status != wanted:
                        wrong.append((kind, answer.status, answer.body))

        threads = [threading.Thread(target=load) for _ in range(3)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(3):  # a new key, used at once
                self.issuer("/rotate?alg=ES256")
                current.append(self.token("ES256"))
                self.more(asked, 20)
            self.issuer("/down")
            self.more(asked, 60)
            current.append(self.token("ES256", "during-the-outage"))
            self.more(asked, 20)
            self.issuer("/up")
            self.issuer("/rotate?alg=ES256")
            # During an outage nobody knows of new keys; afterwards this one is found like any other.
            current.append(self.token("ES256"))
            self.more(asked, 40)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        self.assertEqual(wrong[:5], [], f"of {asked}")

    def more(self, asked, count):
        wanted = asked["good"] + count
        system.wire.wait_until(lambda: asked["good"] >= wanted, 60, "more requests")

    def test_a_retired_key_counts_no_more(self):
        token = self.token("EdDSA")
        self.assertEqual(self.ask(token).status, 200)
        self.issuer("/rotate?alg=EdDSA")
        self.issuer("/retire?alg=EdDSA")
        system.wire.wait_until(lambda: self.ask(token).status == 401, 30, "the retired key to be forgotten")
        self.assertEqual(self.ask(self.token("EdDSA")).status, 200)


if __name__ == "__main__":
    unittest.main()
