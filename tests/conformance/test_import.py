# deadline: 180
"""`trunkline import`: files of other gateways become manifests that `check` takes as they are.

The corpus is imports/kong and imports/krakend: each file has the manifest (NAME.manifest.yaml) and the report (NAME.report)
that are expected of it. `python3 test_import.py --write` writes them anew, to be read before they are committed. Below that,
imported manifests run with real services and real clients.
"""
import json
import os
import pathlib
import random
import re
import sys
import tempfile
import unittest
import urllib.error
import urllib.request

import system
from kit.processes import free_port

HERE = pathlib.Path(__file__).parent
CORPUS = HERE / "imports"
FORMATS = ("kong", "krakend")
SOURCES = [(kind, path) for kind in FORMATS for path in sorted((CORPUS / kind).iterdir())
           if path.name.count(".") == 1 and path.suffix in (".yml", ".json")]
SECRET = "never-to-be-printed"
LINE = re.compile(r"[\w.]+(:\d+:\d+)?: (not translated|differs|closed|to do): \S")

SERVICE = '''
import http.server, json, os, sys

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path, _, query = self.path.partition("?")
        value = {"service": sys.argv[1], "path": path, "query": query, "host": self.headers.get("Host"), "method": self.command,
                 "headers": {name.lower(): text for name, text in self.headers.items()}, "debug": "inside"}
        if path.startswith("/users/"): value = {"id": path[7:], "name": "Ada", "password": "x"}
        if path == "/orders": value = [{"id": 1, "of": query}, {"id": 2, "of": query}]
        if path.startswith("/hotels/"): value = {"name": "Ritz", "destination_id": "d7"}
        if path.startswith("/destinations/"): value = {"city": path[14:]}
        data = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
    do_POST = do_GET
    def log_message(self, *_): pass

http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT") or sys.argv[2])), Handler).serve_forever()
'''


def run_import(kind, path, *arguments):
    """In the file's folder, so that no path of this machine is in what is said."""
    return system.run("import", kind, path.name, *arguments, cwd=path.parent)


def plain(text, folder):
    return text.replace(str(folder), "FOLDER")


def check(text):
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "trunkline.yaml").write_text(text, encoding="utf-8")
        return system.run("check", cwd=folder)


class Corpus(unittest.TestCase):
    def test_it_is_large_enough(self):
        for kind in FORMATS:
            self.assertGreaterEqual(len([1 for one, _ in SOURCES if one == kind]), 10)

    def test_each_file_becomes_the_manifest_and_the_report_that_are_written_beside_it(self):
        for kind, path in SOURCES:
            with self.subTest(path.name):
                done = run_import(kind, path)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(plain(done.stdout, path.parent), path.with_name(path.name + ".manifest").read_text(encoding="utf-8"))
                self.assertEqual(plain(done.stderr, path.parent), path.with_name(path.name + ".report").read_text(encoding="utf-8"))

    def test_check_takes_each_manifest_as_it_is(self):
        for kind, path in SOURCES:
            with self.subTest(path.name):
                done = check(run_import(kind, path).stdout)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
                self.assertIn("ok: ", done.stdout)

    def test_no_secret_of_a_file_is_said_anywhere(self):
        held = 0
        for kind, path in SOURCES:
            held += path.read_text(encoding="utf-8").count(SECRET)
            for arguments in ([], ["--json"]):
                done = run_import(kind, path, *arguments)
                self.assertNotIn(SECRET, done.stdout + done.stderr, path.name)
        self.assertGreaterEqual(held, 15)

    def test_each_remark_has_a_place_in_the_file_and_stands_above_the_manifest_too(self):
        for kind, path in SOURCES:
            done = run_import(kind, path)
            lines = path.read_text(encoding="utf-8").splitlines()
            for remark in done.stderr.splitlines():
                with self.subTest(remark):
                    self.assertRegex(remark, LINE)
                    self.assertIn("# " + remark + "\n", done.stdout)
                    line, column = map(int, re.match(r"[\w.]+:(\d+):(\d+):", remark).groups())
                    self.assertLessEqual(column, len(lines[line - 1]))

    def test_json_says_the_same_for_programs(self):
        for kind, path in SOURCES:
            with self.subTest(path.name):
                plain_done, done = run_import(kind, path), run_import(kind, path, "--json")
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                said = json.loads(done.stdout)
                self.assertEqual(said["manifest"], plain_done.stdout)
                self.assertEqual((said["format"], said["file"]), (kind, path.name))
                lines = [f"{path.name}:{one['line']}:{one['column']}: {one['kind']}: {one['what']}"
                         + (f"; {one['instead']}" if "instead" in one else "") for one in said["report"]]
                self.assertEqual(lines, plain_done.stderr.splitlines())


class Mistakes(unittest.TestCase):
    def refused(self, kind, text, *arguments):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "given.yml"
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
            done = run_import(kind, path, *arguments)
        self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
        return done

    def test_what_is_no_such_file_is_one_error_with_its_place(self):
        for kind, text, says in [
                ("kong", "_format_version: [\n", "given.yml:1:18: error: this bracket is never closed"),
                ("kong", "services: []\n", 'given.yml:1:1: error: this is no Kong declarative file: it has no "_format_version"'),
                ("kong", "_format_version: '4.0'\n", 'given.yml:1:1: error: there is no _format_version "4.0"; it is "1.1", "2.1" or "3.0"'),
                ("kong", "_format_version: '3.0'\nservices: { a: 1 }\n", 'given.yml:2:11: error: "services" must be a list'),
                ("kong", "- a\n", "given.yml:1:1: error: this is no Kong declarative file: it is no map of keys"),
                ("kong", "", "this is no Kong declarative file"),
                ("krakend", "{}", 'given.yml:1:1: error: this is no krakend.json: it has neither "version" nor "endpoints"'),
                ("krakend", '{\n "version": 2, "endpoints": [] }', "given.yml:2:13: error: this krakend.json is of version 2; make it version 3 first"),
                ("krakend", '{ "version": 4 }', 'given.yml:1:14: error: there is no version "4" of krakend.json'),
                ("krakend", '{ "version": 3, "endpoints": {} }', 'error: "endpoints" must be a list'),
                ("krakend", '{ "version": 3, "endpoints": [ {{ template }} ] }', "given.yml:1:"),
                ("krakend", "_format_version: '3.0'\n", "this is no krakend.json"),
                ("krakend", b'{ "version": 3, "name": "\xff" }', "given.yml:1:")]:
            with self.subTest(text):
                done = self.refused(kind, text)
                self.assertIn(says, done.stderr)
                self.assertEqual((len(done.stderr.splitlines()), done.stdout), (1, ""))
                said = json.loads(self.refused(kind, text, "--json").stdout)
                self.assertEqual((said["cause"], f"trunkline: {said['detail']}\n"), ("invalid", done.stderr))

    def test_arguments_that_cannot_be(self):
        for arguments, says in [(["import", "kong", "nowhere.yml"], "nowhere.yml"), (["import", "apache", "a"], "kong"),
                                (["import", "kong", "a.yml", "--to", "x"], "--to"), (["import", "openapi", "a.yml"], "--to")]:
            done = system.run(*arguments)
            self.assertEqual(done.returncode, 2)
            self.assertIn(says, done.stderr)
        told = system.run("import", "--help").stdout
        for word in ("trunkline import kong kong.yml > trunkline.yaml", "krakend", "openapi"):
            self.assertIn(word, told)

    def test_no_damaged_file_makes_it_crash_or_write_what_check_refuses(self):
        dice = random.Random(7)
        good = 0
        for number in range(160):
            kind, path = dice.choice(SOURCES)
            text = bytearray(path.read_bytes())
            for _ in range(dice.randint(1, 4)):
                at = dice.randrange(len(text))
                damage = dice.choice([b"", b"{", b"}", b"[]", b"null", b"-1", b"1e999", b"\t", b"\n", b": ", b'"', b"\xff", b"- ", b"*", b"99999999999",
                                      b"{x}", b"/../", b"%", b"$(", b"true", b"a.b:0"])
                text[at:at + dice.randint(0, 6)] = damage
            with self.subTest(number), tempfile.TemporaryDirectory() as folder:
                file = pathlib.Path(folder) / path.name
                file.write_bytes(bytes(text))
                done = run_import(kind, file)
                self.assertIn(done.returncode, (0, 2), (bytes(text), done.stderr))
                if done.returncode == 0:
                    good += 1
                    self.assertEqual(check(done.stdout).returncode, 0, bytes(text))
        self.assertGreater(good, 15)

    def test_hostile_sizes_are_bounded(self):
        many = "_format_version: '3.0'\nservices:\n" + "- { name: a, url: 'http://a.example', routes: [{ paths: [/a] }] }\n" * 3000
        deep = '{ "version": 3, "endpoints": ' + "[" * 5000 + "]" * 5000 + " }"
        paths = "_format_version: '3.0'\nservices:\n- url: http://a.example\n  routes:\n  - paths: [" + ", ".join(f"/p{i}" for i in range(5000)) + \
            "]\n    hosts: [" + ", ".join(f"h{i}.example" for i in range(5000)) + "]\n"
        for kind, text in [("kong", many), ("kong", paths), ("krakend", deep), ("kong", "# " + "x" * (5 << 20))]:
            with tempfile.TemporaryDirectory() as folder:
                path = pathlib.Path(folder) / "given.yml"
                path.write_text(text, encoding="utf-8")
                done = run_import(kind, path)
                self.assertIn(done.returncode, (0, 2))
                if done.returncode == 0:
                    self.assertEqual(check(done.stdout).returncode, 0)


def ask(port, path, method="GET", headers=(), body=None):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body, dict(headers), method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.loads(answer.read()), answer.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read() or b"{}"), error.headers


class Running(unittest.TestCase):
    """An imported manifest, as it came but for the gateway's port where the file has none, with real services."""
    def run_file(self, kind, text, services):
        ports = {name: free_port() for name in services}
        gateway = free_port()
        for name, number in {**ports, "port": gateway}.items():
            text = text.replace(f"<{name}>", str(number))
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "given.yml"
            path.write_text(text, encoding="utf-8")
            done = run_import(kind, path)
            self.assertEqual(done.returncode, 0, done.stderr)
        manifest = done.stdout
        if kind == "kong":
            manifest = manifest.replace("\ngateway:\n", f"\ngateway:\n  listen: {gateway}\n")
        backends = "system: backends\ngateway: { listen: <port> }\ncontexts:\n  all:\n" + "".join(
            f"    {name}: {{ run: 'PORT= exec <python> service.py {name} {port}', health: {{ none: true }} }}\n" for name, port in ports.items())
        served = system.System(backends, files={"service.py": SERVICE})
        self.addCleanup(served.stop)
        served.start()
        for port in ports.values():
            system.wire.wait_until(lambda port=port: self.answers(port), 15, "a service to answer")
        running = system.System(manifest)
        running.port = gateway
        self.addCleanup(running.stop)
        running.start()
        return running, ports

    @staticmethod
    def answers(port):
        try:
            return ask(port, "/")[0] == 200
        except OSError:
            return False

    def test_routes_of_kong_lead_where_they_did(self):
        running, ports = self.run_file("kong", """
_format_version: "3.0"
services:
- name: orders
  url: http://127.0.0.1:<orders>/v1
  routes:
  - { name: stripped, paths: [/api/orders], methods: [GET] }
  - { name: kept, paths: [/keep], strip_path: false }
  - { name: regex, paths: ["~/item/(?<id>[^/]+)$"], strip_path: false }
  - { name: by-header, paths: [/api/orders], headers: { x-next: ["yes"] }, strip_path: false }
- name: guarded
  url: http://127.0.0.1:<guarded>
  plugins:
  - { name: key-auth, config: { key_names: [apikey], hide_credentials: true } }
  - { name: acl, config: { allow: [partners] } }
  routes: [{ name: guarded, paths: [/guarded] }]
- name: limited
  url: http://127.0.0.1:<limited>
  routes:
  - name: limited
    paths: [/limited]
    plugins:
    - { name: rate-limiting, config: { hour: 3, limit_by: ip, policy: local } }
    - { name: request-transformer, config: { add: { headers: ["X-Env:prod"] }, remove: { querystring: [debug] } } }
    - { name: response-transformer, config: { remove: { json: [debug] } } }
  - { name: gone, paths: [/gone], plugins: [{ name: request-termination, config: { status_code: 410 } }] }
  - { name: shut, paths: [/shut], plugins: [{ name: basic-auth }] }
  - { name: cors, paths: [/pages], plugins: [{ name: cors, config: { origins: ["https://shop.example"] } }] }
consumers:
- { username: acme, keyauth_credentials: [{ key: old }], acls: [{ group: partners }] }
""", ["orders", "guarded", "limited"])
        port = running.port
        self.assertEqual(ask(port, "/api/orders/7?full=1")[1] | {"headers": 0},
                         {"service": "orders", "path": "/v1/7", "query": "full=1", "host": f"127.0.0.1:{ports['orders']}", "method": "GET", "headers": 0, "debug": "inside"})
        self.assertEqual(ask(port, "/api/orders", "POST", body=b"")[0], 404)
        self.assertEqual(ask(port, "/keep/x")[1]["path"], "/v1/keep/x")
        self.assertEqual(ask(port, "/item/9")[1]["path"], "/v1/item/9")
        self.assertEqual(ask(port, "/item/9/more")[0], 404)
        self.assertEqual(ask(port, "/api/orders/7", headers={"X-Next": "yes"})[1]["path"], "/v1/api/orders/7")
        # Keys: the old ones are refused, those that the report asks for are taken.
        self.assertEqual(ask(port, "/guarded")[0], 401)
        self.assertEqual(ask(port, "/guarded", headers={"apikey": "old"})[0], 401)
        made = running.cli("keys", "create", "acme", "--role", "partners").stdout.strip()
        status, said, _ = ask(port, "/guarded/x", headers={"apikey": made})
        self.assertEqual((status, said["path"], said["headers"].get("x-consumer-username")), (200, "/x", "acme"))
        self.assertNotIn("apikey", said["headers"])
        stranger = running.cli("keys", "create", "stranger").stdout.strip()
        self.assertEqual(ask(port, "/guarded", headers={"apikey": stranger})[0], 403)
        # A limit, and what is changed on the way.
        _, said, _ = ask(port, "/limited/a?debug=1&x=2")
        self.assertEqual((said["headers"]["x-env"], said["query"], "debug" in said), ("prod", "x=2", False))
        self.assertEqual([ask(port, "/limited")[0] for _ in range(3)], [200, 200, 429])
        self.assertEqual(ask(port, "/gone")[0], 410)
        self.assertEqual(ask(port, "/shut")[0], 403)
        self.assertEqual(ask(port, "/pages", headers={"Origin": "https://shop.example"})[2]["Access-Control-Allow-Origin"], "https://shop.example")

    def test_endpoints_of_krakend_join_what_they_joined(self):
        running, _ = self.run_file("krakend", json.dumps({
            "version": 3, "port": "<port>", "listen_ip": "127.0.0.1", "timeout": "5s",
            "endpoints": [
                {"endpoint": "/page/{user}", "input_query_strings": ["currency"], "backend": [
                    {"host": ["http://127.0.0.1:<users>"], "url_pattern": "/users/{user}", "group": "user", "deny": ["password"], "mapping": {"name": "called"}},
                    {"host": ["http://127.0.0.1:<orders>"], "url_pattern": "/orders?of={user}", "is_collection": True, "mapping": {"collection": "orders"}},
                    {"host": ["http://127.0.0.1:<users>"], "url_pattern": "/stats", "allow": ["service", "query"]}]},
                {"endpoint": "/trip/{id}", "extra_config": {"proxy": {"sequential": True}}, "backend": [
                    {"host": ["http://127.0.0.1:<users>"], "url_pattern": "/hotels/{id}", "group": "hotel"},
                    {"host": ["http://127.0.0.1:<orders>"], "url_pattern": "/destinations/{resp0_hotel.destination_id}"}]},
                {"endpoint": "/one/{id}", "input_query_strings": ["page"], "backend": [
                    {"host": ["http://127.0.0.1:<users>"], "url_pattern": "/things/{id}?fixed=1", "allow": ["path", "query"], "group": "thing",
                     "extra_config": {"qos/ratelimit/proxy": {"max_rate": 0.001, "capacity": 2}}}]},
                {"endpoint": "/list", "backend": [{"host": ["http://127.0.0.1:<orders>"], "url_pattern": "/orders", "is_collection": True, "allow": ["collection.id"]}]},
                {"endpoint": "/shut", "backend": [{"host": ["http://127.0.0.1:<users>"], "url_pattern": "/shut"}],
                 "extra_config": {"auth/validator": {"alg": "HS256", "issuer": "me"}}},
                {"endpoint": "/keys", "backend": [{"host": ["http://127.0.0.1:<users>"], "url_pattern": "/keys"}],
                 "extra_config": {"auth/api-keys": {"roles": ["user"]}}}],
            "extra_config": {"auth/api-keys": {"identifier": "X-Key", "keys": [{"key": "old", "roles": ["user"]}]}},
        }).replace('"<port>"', "<port>"), ["users", "orders"])
        port = running.port
        status, page, headers = ask(port, "/page/7?currency=EUR&other=1")
        self.assertEqual((status, headers["X-Trunkline-Complete"]), (200, "true"), running.output())
        self.assertEqual(page, {"user": {"id": "7", "called": "Ada"}, "service": "users", "query": "currency=EUR",
                                "orders": [{"id": 1, "of": "of=7&currency=EUR"}, {"id": 2, "of": "of=7&currency=EUR"}]})
        self.assertEqual(ask(port, "/trip/3")[1], {"hotel": {"name": "Ritz", "destination_id": "d7"}, "city": "d7"})
        self.assertEqual(ask(port, "/one/5?page=2&hidden=1")[1], {"thing": {"path": "/things/5", "query": "page=2&fixed=1"}})
        self.assertEqual([ask(port, "/one/5")[0] for _ in range(2)], [200, 429])
        self.assertEqual(ask(port, "/list")[1], {"collection": [{"id": 1}, {"id": 2}]})
        self.assertEqual(ask(port, "/shut")[0], 403)
        self.assertEqual(ask(port, "/keys", headers={"X-Key": "old"})[0], 401)
        key = running.cli("keys", "create", "partner", "--role", "user").stdout.strip()
        self.assertEqual(ask(port, "/keys", headers={"X-Key": key})[0], 200)


class Docs(unittest.TestCase):
    def test_the_example_of_the_page_is_what_it_says(self):
        page = (HERE.parents[1] / "docs/import.md").read_text(encoding="utf-8")
        source = re.search(r"^```yaml kong\n(.*?)^```$", page, re.M | re.S)[1]
        result = re.search(r"^```yaml test\n(# From kong.yml.*?)^```$", page, re.M | re.S)[1]
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "kong.yml"
            path.write_text(source, encoding="utf-8")
            self.assertEqual(run_import("kong", path).stdout, re.sub(r"^# expect: .*\n", "", result, flags=re.M))


def write_expected():
    for kind, path in SOURCES:
        done = run_import(kind, path)
        for suffix, text in ((".manifest", done.stdout), (".report", done.stderr)):
            path.with_name(path.name + suffix).write_text(plain(text, path.parent), encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        write_expected()
    else:
        unittest.main()
