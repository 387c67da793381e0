# deadline: 120
"""Real servers behind ports of TCP, with their own clients: Redis, at the gateway, under TLS, and between services; and
Postgres, where it is installed."""
import glob
import pathlib
import shutil
import subprocess
import unittest

from kit import processes, system

PROBE = """import http.server, os, subprocess, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        words = ["redis-cli", "-h", os.environ["CACHE_HOST"], "-p", os.environ["CACHE_PORT"], "INCR", "asked"]
        body = subprocess.run(words, capture_output=True, check=False).stdout
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Answer).serve_forever()
"""


@unittest.skipUnless(shutil.which("redis-server") and shutil.which("redis-cli"), "redis-server is not installed")
class Redis(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.port, cls.secret = processes.free_port(), processes.free_port()
        cls.kit = system.System(f"""system: cache
gateway:
  listen: {{port}}
  tls: local
  routes: [ {{ path: /*, to: asker }} ]
  tcp:
    - {{ listen: {cls.port}, to: cache }}
    - {{ listen: {cls.secret}, to: cache, tls: true }}
contexts:
  data:
    cache: {{ run: 'exec redis-server --port $PORT --bind 127.0.0.1 --save ""', protocol: tcp }}
    asker: {{ run: "{system.PYTHON} {{folder}}/asker.py", calls: [cache] }}
telemetry: {{ access_log: none }}
""")
        cls.addClassCleanup(cls.kit.close)
        (cls.kit.folder / "asker.py").write_text(PROBE)
        cls.kit.start()

    def redis(self, *words, port=None):
        done = subprocess.run(["redis-cli", "-p", str(port or self.port), *words], capture_output=True, text=True,
                              timeout=30, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.strip()

    def test_commands_pipelines_and_large_values_go_through(self):
        value = "v" * 3_000_000
        done = subprocess.run(["redis-cli", "-p", str(self.port), "-x", "SET", "large"], input=value, capture_output=True,
                              text=True, timeout=30, check=False)
        self.assertEqual(done.stdout.strip(), "OK")
        self.assertEqual(self.redis("STRLEN", "large"), str(len(value)))
        self.assertEqual(self.redis("GET", "large"), value)

    def test_many_clients_with_pipelines_see_no_error(self):
        done = subprocess.run(["redis-benchmark", "-p", str(self.port), "-t", "set,get", "-n", "20000", "-c", "20", "-P", "8",
                               "-q"], capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertNotIn("rror", done.stdout + done.stderr)

    def test_a_client_with_tls_is_served_by_one_without(self):
        authority = str(self.kit.folder / ".trunkline/tls/ca.pem")
        said = self.redis("--tls", "--cacert", authority, "--sni", "localhost", "PING", port=self.secret)
        self.assertEqual(said, "PONG")

    def test_a_service_reaches_it_by_its_environment(self):
        first = int(self.kit.get("/ask", timeout=30)[1])
        self.assertEqual(int(self.kit.get("/ask", timeout=30)[1]), first + 1)


POSTGRES = sorted(glob.glob("/usr/lib/postgresql/*/bin/postgres"))


@unittest.skipUnless(POSTGRES and shutil.which("psql"), "postgresql is not installed")
class Postgres(unittest.TestCase):
    def test_a_session_a_transaction_and_a_large_result(self):
        port = processes.free_port()
        with system.System() as kit:
            kit.folder.chmod(0o755)
            programs, data = pathlib.Path(POSTGRES[-1]).parent, kit.folder / "data"
            data.mkdir()
            shutil.chown(data, "postgres", "postgres")
            as_owner = "setpriv --reuid postgres --regid postgres --clear-groups"
            subprocess.run(f"{as_owner} {programs}/initdb -D {data} -A trust -U postgres", shell=True, check=True,
                           capture_output=True, timeout=60)
            run = f"exec {as_owner} {programs}/postgres -D {data} -p $PORT -c listen_addresses=127.0.0.1 -k ''"
            kit.write(f"""system: store
gateway:
  listen: {{port}}
  tcp: [ {{ listen: {port}, to: db }} ]
contexts:
  data: {{ db: {{ run: "{run}", protocol: tcp }} }}
telemetry: {{ access_log: none }}
""")
            kit.start()

            def sql(text):
                done = subprocess.run(["psql", "-h", "127.0.0.1", "-p", str(port), "-U", "postgres", "-At", "-c", text],
                                      capture_output=True, text=True, timeout=60, check=False)
                self.assertEqual(done.returncode, 0, done.stderr)
                return done.stdout.strip()
            sql("create table t as select g as n, repeat('x', 100) as s from generate_series(1, 50000) g")
            self.assertEqual(sql("select count(*), sum(n) from t"), "50000|1250025000")
            self.assertEqual(len(sql("select s from t").splitlines()), 50000)


if __name__ == "__main__":
    unittest.main()
