# deadline: 240
"""Limits that two real gateways share through one real Redis: how exact they are, and what happens when Redis is
killed, hangs, forgets its scripts, and comes back."""
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import system
import wire

SERVICE = system.ROOT / "tests/kit/service.py"
REDIS = shutil.which("redis-server")

MANIFEST = """
system: shared
telemetry: { access_log: none }
gateway:
  listen: <port>
  redis: { address: "127.0.0.1:<redis>", password_file: redis.password }
  routes:
    - { path: /plain/*, to: plain }
    - { path: /many/*, to: plain, policies: { limit: { rate: 1000/h by header x-tenant, store: redis } } }
    - { path: /few/*, to: plain, policies: { limit: { rate: 3/h by header x-tenant, store: redis } } }
    - path: /strict/*
      to: plain
      policies: { limit: { rate: 1000/h by header x-tenant, store: redis, on_store_failure: refuse } }
    - { path: /plan/*, to: plain, policies: { quota: { requests: 20/month by header x-tenant, store: redis } } }
    - { path: /plenty/*, to: plain, policies: { quota: { requests: 2000/day by header x-tenant, store: redis } } }
    - path: /paid/*
      to: plain
      policies: { quota: { requests: 20/month by header x-tenant, store: redis, on_store_failure: refuse } }
contexts:
  test:
    plain: { run: "<python> <service>" }
"""


class Redis:
    """A real one in a folder of its own, which forgets everything when it ends."""
    def __init__(self):
        self.port, self.process = system.free_port(), None
        self.folder = tempfile.TemporaryDirectory(prefix="trunkline-redis-")

    def start(self):
        self.process = subprocess.Popen([REDIS, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly",
                                         "no", "--requirepass", "open-sesame", "--dir", self.folder.name],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wire.wait_until(lambda: self.ask("PING") == "PONG", 15, "Redis to answer")

    def ask(self, *words):
        done = subprocess.run(["redis-cli", "-p", str(self.port), "-a", "open-sesame", "--no-auth-warning", *words],
                              capture_output=True, text=True, timeout=10, check=False)
        return done.stdout.strip()

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait(10)

    def close(self):
        self.kill()
        self.folder.cleanup()


@unittest.skipUnless(REDIS and shutil.which("redis-cli"), "redis-server is not installed")
class Shared(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.redis = Redis()
        cls.addClassCleanup(cls.redis.close)
        cls.redis.start()
        cls.gateways = []
        for _ in range(2):
            one = system.System(MANIFEST, files={"redis.password": "open-sesame\n"}, service=SERVICE, redis=cls.redis.port)
            cls.addClassCleanup(one.stop)
            cls.gateways.append(one.start())

    def setUp(self):
        if self.redis.process.poll() is not None:
            self.redis.start()
        self.wait_shared()

    def ask(self, gateway, path, tenant):
        return self.gateways[gateway].ask("GET", path, [("X-Tenant", tenant)])

    def wait_shared(self):
        """Both gateways talk to Redis: a count by the one is seen by the other."""
        tries = iter(range(10_000))
        def seen():
            tenant = f"probe-{time.monotonic_ns()}-{next(tries)}"
            statuses = [self.ask(i % 2, "/few/echo", tenant).status for i in range(8)]
            return statuses.count(200) <= 4
        wire.wait_until(seen, 20, "both gateways to share")

    def flood(self, path, tenant, each):
        """(how many were let through, seconds) of `each` requests to each gateway, two clients at a time each."""
        statuses = []
        def many(gateway):
            with_client = self.gateways[gateway]
            for _ in range(each // 2):
                statuses.append(with_client.ask("GET", path, [("X-Tenant", tenant)]).status)
        threads = [threading.Thread(target=many, args=(i % 2,)) for i in range(4)]
        began = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(set(statuses) - {200, 429}, set())
        return statuses.count(200), time.monotonic() - began

    def test_two_gateways_let_through_what_one_would_to_one_percent(self):
        passed, seconds = self.flood("/many/echo", f"flood-{time.monotonic_ns()}", 750)
        refilled = 1000 * seconds / 3600
        print(f"a shared limit of 1000 took {passed} of 1500 from each of two gateways", file=sys.stderr)
        self.assertLessEqual(abs(passed - 1000 - refilled), 10 + refilled, f"{passed} in {seconds:.1f} s")

    def test_a_quota_is_one_for_both_gateways_and_survives_them(self):
        tenant = f"plan-{time.monotonic_ns()}"
        answers = [self.ask(i % 2, "/plan/echo", tenant) for i in range(30)]
        # One may hold the last request while the other refuses already.
        self.assertEqual(sorted(answer.status for answer in answers), [200] * 20 + [429] * 10)
        self.assertEqual(answers[-1].headers.get("X-Trunkline-Cause"), "quota_exceeded")
        self.assertIn("r=0", answers[-1].headers.get("RateLimit"))
        self.assertGreater(int(answers[-1].headers.get("Retry-After")), 0)
        self.assertEqual([self.ask(i % 2, "/plan/echo", tenant + "-other").status for i in range(4)], [200] * 4)
        key, = [key for key in self.redis.ask("KEYS", "*:quota *").split("\n") if self.redis.ask("GET", key) == "20"]
        self.assertNotIn(tenant, key)
        self.assertGreater(int(self.redis.ask("TTL", key)), 86400 - 60)
        # A gateway that begins anew knows nothing, and asks.
        fresh = system.System(MANIFEST, files={"redis.password": "open-sesame\n"}, service=SERVICE, redis=self.redis.port)
        self.addCleanup(fresh.stop)
        fresh.start()
        wire.wait_until(lambda: fresh.ask("GET", "/plan/echo", [("X-Tenant", tenant)]).status == 429, 10, "the new gateway to ask")
        self.assertEqual(self.redis.ask("GET", key), "20")

    def test_a_flood_of_both_gateways_uses_a_quota_up_exactly(self):
        passed, _ = self.flood("/plenty/echo", f"plenty-{time.monotonic_ns()}", 1500)
        print(f"a shared quota of 2000 took {passed} of 1500 from each of two gateways", file=sys.stderr)
        # What is missing lies in a lease; what is too much was let through while Redis was slow.
        self.assertLessEqual(abs(passed - 2000), 20)

    def test_keys_show_nothing_of_callers_and_end_by_themselves(self):
        self.ask(0, "/many/echo", "secret-tenant")
        keys = self.redis.ask("KEYS", "*").split("\n")
        limits = [key for key in keys if ":limit " in key]
        self.assertTrue(limits, keys)
        self.assertFalse([key for key in keys if "secret-tenant" in key])
        for key in limits[:20]:
            self.assertNotEqual(int(self.redis.ask("PTTL", key)), -1)  # -2: it has ended meanwhile

    def test_a_redis_that_forgets_its_scripts_is_taught_again(self):
        self.redis.ask("SCRIPT", "FLUSH")
        tenant = f"flush-{time.monotonic_ns()}"
        statuses = [self.ask(i % 2, "/few/echo", tenant).status for i in range(8)]
        self.assertLessEqual(statuses.count(200), 4)

    def test_while_redis_is_away_each_counts_for_itself_or_refuses_and_nobody_waits(self):
        self.redis.kill()
        def is_away():
            return self.ask(0, "/strict/echo", f"away-{time.monotonic_ns()}").status == 503
        wire.wait_until(is_away, 10, "the gateway to notice")
        answer = self.ask(0, "/strict/echo", f"away-{time.monotonic_ns()}")
        self.assertEqual(answer.headers.get("X-Trunkline-Cause"), "policy_unavailable")
        tenant = f"alone-{time.monotonic_ns()}"
        self.assertEqual([self.ask(0, "/few/echo", tenant).status for _ in range(4)], [200, 200, 200, 429])
        self.assertEqual([self.ask(0, "/plan/echo", tenant).status for _ in range(21)], [200] * 20 + [429])
        self.assertEqual(self.ask(0, "/paid/echo", tenant).headers.get("X-Trunkline-Cause"), "policy_unavailable")
        self.assertIn("limits are not shared", self.gateways[0].output())
        self.assertNotIn("open-sesame", self.gateways[0].output())
        self.redis.start()
        self.wait_shared()
        self.assertEqual(self.ask(0, "/strict/echo", f"back-{time.monotonic_ns()}").status, 200)

    def test_a_redis_that_is_killed_and_comes_back_holds_nobody_up(self):
        def timed(path, seconds):
            """How long each took, sorted; each is a caller of its own, so each has to ask."""
            times, end = [], time.monotonic() + seconds
            while (began := time.monotonic()) < end:
                self.assertEqual(self.ask(0, path, f"out-{time.monotonic_ns()}").status, 200)
                times.append(time.monotonic() - began)
            return sorted(times)
        plain = timed("/plain/echo", 1)
        def outage():
            time.sleep(0.5)
            self.redis.kill()
            time.sleep(2)
            self.redis.start()
        thread = threading.Thread(target=outage)
        thread.start()
        limited = timed("/many/echo", 4)
        thread.join()
        self.wait_shared()
        p99 = lambda times: times[len(times) * 99 // 100]  # noqa: E731
        print(f"Redis killed and back in 2 s: {len(limited)} requests, all let through; median {limited[len(limited) // 2] * 1000:.2f} ms,"
              f" p99 {p99(limited) * 1000:.2f} ms, slowest {limited[-1] * 1000:.2f} ms; without a limit {plain[len(plain) // 2] * 1000:.2f},"
              f" {p99(plain) * 1000:.2f}, {plain[-1] * 1000:.2f} ms", file=sys.stderr)
        self.assertLess(p99(limited), 2 * p99(plain) + 0.005)

    def test_a_redis_that_hangs_holds_nobody_up(self):
        def median(path):
            times = []
            for i in range(60):
                began = time.monotonic()
                self.assertEqual(self.ask(0, path, f"hang-{time.monotonic_ns()}-{i}").status, 200)
                times.append(time.monotonic() - began)
            return statistics.median(times)
        plain = median("/plain/echo")
        self.redis.process.send_signal(signal.SIGSTOP)
        try:
            # Each is a caller of its own, so each would have to ask. Most do not wait at all, the others 5 ms.
            self.assertLess(median("/many/echo"), 2 * plain + 0.005)
        finally:
            self.redis.process.send_signal(signal.SIGCONT)
        self.wait_shared()


@unittest.skipUnless(REDIS, "redis-server is not installed")
class UnderTls(unittest.TestCase):
    def certificate(self, folder, name):
        """A certificate for 127.0.0.1 that signs itself."""
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.pem", "-days", "2", "-subj", "/CN=redis",
                        "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True, timeout=60)

    def gateway(self, folder, port, ca):
        text = MANIFEST.replace('"127.0.0.1:<redis>", password_file: redis.password', f'"rediss://127.0.0.1:{port}", ca: {folder}/{ca}')
        one = system.System(text, service=SERVICE, redis=port)
        self.addCleanup(one.stop)
        return one.start()

    def test_a_redis_is_believed_by_its_certificate_only(self):
        folder = tempfile.mkdtemp(prefix="trunkline-redis-tls-")
        self.addCleanup(shutil.rmtree, folder)
        for name in ("redis", "other"):
            self.certificate(folder, name)
        port = system.free_port()
        redis = subprocess.Popen([REDIS, "--port", "0", "--tls-port", str(port), "--bind", "127.0.0.1", "--save", "", "--tls-cert-file",
                                  f"{folder}/redis.pem", "--tls-key-file", f"{folder}/redis.key", "--tls-ca-cert-file",
                                  f"{folder}/redis.pem", "--tls-auth-clients", "no", "--dir", folder],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(lambda: (redis.kill(), redis.wait()))
        believes, doubts = self.gateway(folder, port, "redis.pem"), self.gateway(folder, port, "other.pem")
        ask = lambda gateway: gateway.ask("GET", "/strict/echo", [("X-Tenant", f"tls-{time.monotonic_ns()}")])  # noqa: E731
        wire.wait_until(lambda: ask(believes).status == 200, 10, "the gateway to reach Redis")
        answer = ask(doubts)
        self.assertEqual((answer.status, answer.headers.get("X-Trunkline-Cause")), (503, "policy_unavailable"))
        wire.wait_until(lambda: "limits are not shared" in doubts.output(), 10, "the log to say why")
        self.assertIn("certificate", doubts.output())


if __name__ == "__main__":
    unittest.main()
