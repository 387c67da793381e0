# deadline: 180
"""Policies that change requests and answers, by a real client against the real binary: headers, query, security_headers,
compress, json."""
import gzip
import hashlib
import json
import pathlib
import shutil
import subprocess
import tempfile
import unittest
import urllib.parse

import system

SERVICE = system.ROOT / "tests/kit/shape_service.py"
MANIFEST = """
system: shape
telemetry: { access_log: none }
gateway:
  listen: <port>
  routes:
    - path: /headers/{id}/*
      to: echo
      policies:
        headers:
          request:
            remove: [X-Debug, Cookie]
            rename: { X-Old: X-New }
            set: { X-User: "{identity.subject}", X-Path: "{request.method} {request.path}", X-Id: "id={path.id}", X-Client: "{client.ip}", X-Q: "{query.q}", X-Cookie: "{cookie.a}", X-Copy: "{header.X-Long}", X-Trace: "{trace.id}", X-Braces: "{{}}" }
            add: { X-List: gateway }
          response:
            remove: X-Powered-By
            rename: { X-Service: X-Backend }
            set: { X-Status: "{response.status}", Cache-Control: no-store }
    - path: /query/{id}
      to: echo
      policies:
        query: { remove: [debug], rename: { old: new }, set: { id: "{path.id}", who: "{header.X-Who}" }, add: { tag: "a b" } }
    - { path: /only/*, to: echo, policies: { query: [page, size] } }
    - { path: /safe/*, to: echo, policies: { security_headers: {} } }
    - { path: /strict/*, to: echo, policies: { security_headers: { frame: "https://desk.example", content_security_policy: "default-src 'self'", override: true } } }
    - { path: /small/*, to: echo, policies: { compress: {} } }
    - { path: /gzip/*, to: echo, policies: { compress: gzip } }
    - path: /json/echo
      to: echo
      policies:
        json:
          request: { from: [form, xml], drop: [secret, items.cost], rename: { user.name: login }, set: { via: "{request.method}" } }
    - path: /json/*
      to: echo
      policies:
        json:
          response: { pick: [data.id, data.items.name, list], unwrap: envelope, wrap: result }
    - path: /told/*
      to: echo
      policies: { compress: { least: 0B }, json: { response: { set: { seen: "{request.method}" } } } }
    - { path: /toxml/*, to: echo, policies: { json: { response: { to: xml } } } }
    - { path: /fromxml/*, to: echo, policies: { json: { response: { from: xml }, most: 64KB } } }
    - { path: /legacy/*, to: echo, policies: { json: { request: { to: xml, root: order } } } }
    - { path: /down/*, to: down, policies: { security_headers: {} } }
contexts:
  test:
    echo: { run: "<python> <service>", health: /healthz }
    down: { address: "127.0.0.1:1", health: { none: true } }
"""


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if Case.system is None:
            Case.system = system.System(MANIFEST, service=SERVICE).start()
            unittest.addModuleCleanup(Case.system.stop)

    system = None

    def ask(self, method, path, headers=(), body=None):
        return self.system.ask(method, path, headers, body)

    def echo(self, method, path, headers=(), body=None):
        answer = self.ask(method, path, headers, body)
        self.assertEqual(answer.status, 200, answer.body)
        told = json.loads(answer.body)
        fields = {}
        for name, value in told["headers"]:
            fields.setdefault(name.lower(), []).append(value)
        return told, fields

    def tell(self, path, body, **fields):
        """What a client gets of this answer of the service."""
        query = urllib.parse.urlencode({name.replace("_", "-"): value for name, value in fields.items()})
        return self.ask("POST", f"{path}/answer?{query}", body=body)


class Headers(Case):
    def test_a_request_is_changed(self):
        _, got = self.echo("GET", "/headers/7/x%20y?q=one", [("X-Debug", "1"), ("Cookie", "b=2; a=1"), ("X-Old", "o"),
                                                           ("X-New", "forged"), ("X-List", "client")])
        self.assertNotIn("x-debug", got)
        self.assertNotIn("cookie", got)
        self.assertEqual(got["x-new"], ["o"])
        self.assertNotIn("x-old", got)
        self.assertEqual(got["x-path"], ["GET /headers/7/x%20y"])
        self.assertEqual(got["x-id"], ["id=7"])
        self.assertEqual(got["x-client"], ["127.0.0.1"])
        self.assertEqual(got["x-q"], ["one"])
        self.assertEqual(got["x-list"], ["client", "gateway"])
        self.assertEqual(got["x-trace"], [got["traceparent"][0].split("-")[1]])
        self.assertEqual(got["x-braces"], ["{}"])

    def test_what_has_nothing_to_say_is_not_said_by_the_client_either(self):
        _, got = self.echo("GET", "/headers/7/x", [("X-User", "root"), ("x-user", "admin"), ("X-Q", "forged")])
        self.assertNotIn("x-user", got)
        self.assertNotIn("x-q", got)

    def test_a_field_that_the_gateway_says_cannot_be_named_away_by_connection(self):
        for options in ["X-Path", "close, x-path, X-Client", "keep-alive, x-list"]:
            _, got = self.echo("GET", "/headers/7/x", [("Connection", options), ("X-List", "client")])
            self.assertEqual(got["x-path"], ["GET /headers/7/x"], options)
            self.assertEqual(got["x-client"], ["127.0.0.1"], options)
            self.assertIn("gateway", got["x-list"], options)

    def test_values_cannot_smuggle_lines(self):
        told, got = self.echo("GET", "/headers/7/x?q=a%0d%0aX-Evil:%201%00%7f")
        self.assertEqual(got["x-q"], ["a%0D%0AX-Evil: 1%00%7F"])
        self.assertNotIn("x-evil", got)
        self.assertEqual([name for name, _ in told["headers"] if name.lower() == "x-evil"], [])

    def test_a_value_that_is_too_long_is_refused(self):
        answer = self.ask("GET", "/headers/7/x", [("X-Long", "x" * 9000)])
        self.assertEqual(answer.status, 431)
        self.assertEqual(json.loads(answer.body)["cause"], "head_too_large")

    def test_an_answer_is_changed(self):
        answer = self.ask("GET", "/headers/7/x")
        self.assertIsNone(answer.headers.get("X-Powered-By"))
        self.assertEqual(answer.headers.get("X-Backend"), "shape")
        self.assertEqual(answer.headers.get("X-Status"), "200")
        self.assertEqual(answer.headers.get("Cache-Control"), "no-store")


class Query(Case):
    def target(self, path, headers=()):
        return self.echo("GET", path, headers)[0]["target"]

    def test_it_is_changed(self):
        self.assertEqual(self.target("/query/7?a=1&debug=1&old=x%20y&b", [("X-Who", "me&id=9 ä")]),
                         "/query/7?a=1&new=x%20y&b&id=7&who=me%26id%3D9%20%C3%A4&tag=a%20b")

    def test_no_second_spelling_slips_past(self):
        self.assertEqual(self.target("/query/7?%64ebug=1&i%64=8&new=forged&id=9&id"), "/query/7?id=7&tag=a%20b")

    def test_only_what_is_named_goes_on(self):
        self.assertEqual(self.target("/only/x?page=2&evil=1&siz%65=3&=4"), "/only/x?page=2&siz%65=3")
        self.assertEqual(self.target("/only/x?evil=1"), "/only/x")
        self.assertEqual(self.target("/only/x"), "/only/x")


class SecurityHeaders(Case):
    def test_safe_defaults(self):
        answer = self.ask("GET", "/safe/x")
        for name, value in [("X-Content-Type-Options", "nosniff"), ("X-Frame-Options", "DENY"),
                            ("Referrer-Policy", "strict-origin-when-cross-origin"),
                            ("Content-Security-Policy", "frame-ancestors 'none'"),
                            ("Cross-Origin-Opener-Policy", "same-origin"),
                            ("Strict-Transport-Security", None), ("Permissions-Policy", None)]:
            self.assertEqual(answer.headers.get(name), value, name)

    def test_the_services_own_word_wins_unless_it_is_overridden(self):
        answer = self.tell("/safe", b"x", X_Frame_Options="SAMEORIGIN", Strict_Transport_Security="max-age=1")
        self.assertEqual(answer.headers.get("X-Frame-Options"), "SAMEORIGIN")
        self.assertIsNone(answer.headers.get("Strict-Transport-Security"), "no promise of TLS without TLS")
        answer = self.tell("/strict", b"x", Content_Security_Policy="default-src *", X_Frame_Options="DENY")
        self.assertEqual(answer.headers.get("Content-Security-Policy"),
                         "default-src 'self'; frame-ancestors https://desk.example")

    def test_refusals_have_them_too(self):
        answer = self.ask("GET", "/down/x")
        self.assertEqual(answer.status, 502)
        self.assertEqual(answer.headers.get("X-Content-Type-Options"), "nosniff")


class Compress(Case):
    SIZE = 100_000

    def text(self, path, accept, extra="", **more):
        headers = [("Accept-Encoding", accept)] if accept is not None else []
        return self.ask("GET", f"{path}/text?bytes={more.get('size', self.SIZE)}{extra}", headers)

    def setUp(self):
        whole = self.text("/small", None)
        self.assertIsNone(whole.headers.get("Content-Encoding"))
        self.assertEqual(whole.headers.get("Vary"), "Accept-Encoding", "also where it is not compressed")
        self.plain = whole.body
        self.assertEqual(len(self.plain), self.SIZE)

    def test_gzip_is_the_same_bytes_for_pythons_decoder(self):
        for extra in ["", "&known=1"]:
            answer = self.text("/small", "gzip", extra)
            self.assertEqual(answer.headers.get("Content-Encoding"), "gzip")
            self.assertLess(len(answer.body), self.SIZE / 10)
            self.assertEqual(gzip.decompress(answer.body), self.plain)

    def test_every_coding_is_the_same_bytes_for_curl(self):
        said = subprocess.run(["curl", "--version"], capture_output=True, text=True, timeout=20, check=False).stdout
        for coding, feature in [("gzip", "libz"), ("br", "brotli"), ("zstd", "zstd")]:
            if feature not in said:
                continue  # this curl cannot read it
            done = subprocess.run(["curl", "-sS", "--compressed", "-H", f"Accept-Encoding: {coding}", "-D", "/dev/stderr",
                                   f"http://127.0.0.1:{self.system.port}/small/text?bytes={self.SIZE}"],
                                  capture_output=True, timeout=20, check=True)
            self.assertIn(f"content-encoding: {coding}", done.stderr.decode().lower())
            self.assertEqual(hashlib.sha256(done.stdout).digest(), hashlib.sha256(self.plain).digest(), coding)

    def test_every_coding_is_the_same_bytes_for_node_or_zstd(self):
        node = shutil.which("node")
        for coding, method in [("br", "brotliDecompressSync"), ("gzip", "gunzipSync"), ("zstd", "zstdDecompressSync")]:
            answer = self.text("/small", coding)
            self.assertEqual(answer.headers.get("Content-Encoding"), coding)
            with tempfile.TemporaryDirectory() as folder:
                file = pathlib.Path(folder) / "body"
                file.write_bytes(answer.body)
                script = (f"const z = require('zlib'); if (!z.{method}) process.exit(9);"
                          f"process.stdout.write(z.{method}(require('fs').readFileSync({json.dumps(str(file))})))")
                commands = [[node, "-e", script]] if node else []
                if coding == "zstd" and shutil.which("zstd"):
                    commands.append(["zstd", "-dcq", str(file)])
                for command in commands:
                    done = subprocess.run(command, capture_output=True, timeout=30, check=False)
                    if done.returncode == 9:
                        continue  # this node cannot read it
                    self.assertEqual(done.returncode, 0, done.stderr)
                    self.assertEqual(done.stdout, self.plain, coding)

    def test_it_is_negotiated_by_weight_then_by_our_order(self):
        for accept, coding in [("gzip, br, zstd", "zstd"), ("gzip, br", "br"), ("gzip;q=1, br;q=0.5", "gzip"), ("*", "zstd"),
                               ("zstd;q=0, *", "br"), ("gzip;q=0", None), ("identity", None), ("", None), ("deflate", None),
                               ("gzip;q=0.2, identity;q=0.8", None), ("GZIP", "gzip"), ("x-gzip", "gzip"),
                               ("br;q=nonsense", None), ("gzip;q=1.001", None), ("*;q=0, gzip", "gzip")]:
            answer = self.text("/small", accept)
            self.assertEqual(answer.headers.get("Content-Encoding"), coding, accept)
        self.assertEqual(self.text("/gzip", "br, zstd, gzip;q=0.1").headers.get("Content-Encoding"), "gzip")

    def test_a_strong_etag_becomes_weak(self):
        self.assertEqual(self.text("/small", "gzip", "&known=1").headers.get("ETag"), 'W/"one"')
        self.assertEqual(self.text("/small", None, "&known=1").headers.get("ETag"), '"one"')

    def test_what_is_not_worth_it_or_not_ours_goes_on_as_it_is(self):
        accept = [("Accept-Encoding", "gzip, br, zstd")]
        for body, fields in [(b"x" * 5000, {"Content-Type": "image/png"}), (b"x" * 1023, {"Content-Type": "text/plain"}),
                             (b"x" * 5000, {"Content-Type": "text/plain", "Content-Encoding": "own"}),
                             (b"x" * 5000, {"Content-Type": "text/plain", "Cache-Control": "public, No-Transform"}),
                             (b"x" * 5000, {"Content-Type": "text/event-stream"}),
                             (b"x" * 5000, {"Content-Type": "application/grpc+proto"}), (b"x" * 5000, {}),
                             (b"x" * 5000, {"Content-Type": "text/plain", "status": "206", "Content-Range": "bytes 0-4999/9"})]:
            answer = self.ask("POST", "/small/answer?" + urllib.parse.urlencode(fields), accept, body)
            self.assertEqual(answer.body, body, fields)
            self.assertEqual(answer.headers.get("Content-Encoding"), fields.get("Content-Encoding"), fields)

    def test_head_and_empty_answers(self):
        answer = self.ask("HEAD", "/small/text?bytes=5000&known=1", [("Accept-Encoding", "gzip")])
        self.assertEqual((answer.status, answer.body), (200, b""))
        self.assertEqual(self.ask("POST", "/small/answer?status=304", [("Accept-Encoding", "gzip")]).status, 304)

    def test_pieces_come_when_they_are_said(self):
        """The first piece can be read before the second one exists."""
        import http.client
        import zlib
        connection = http.client.HTTPConnection("127.0.0.1", self.system.port, timeout=20)
        connection.request("GET", "/small/events?pieces=2&ms=1500&type=text/plain", headers={"Accept-Encoding": "gzip"})
        answer = connection.getresponse()
        self.assertEqual(answer.headers["Content-Encoding"], "gzip")
        decoder, text = zlib.decompressobj(31), b""
        while b"data: 0\n\n" not in text:
            piece = answer.read1(65536)
            self.assertTrue(piece, "it ended without its first piece")
            text += decoder.decompress(piece)
        self.assertNotIn(b"data: 1", text)
        text += decoder.decompress(answer.read())
        self.assertIn(b"data: 1", text)
        connection.close()


class Json(Case):
    JSON = [("Content-Type", "application/json")]

    def body(self, path, body, headers=()):
        told, got = self.echo("POST", path, headers or self.JSON, body if isinstance(body, bytes) else json.dumps(body).encode())
        return told["body"].encode("latin-1").decode(), got  # the service tells it byte by byte

    def test_a_request_is_changed(self):
        text, got = self.body("/json/echo", {"b": 1, "secret": "x", "user": {"name": "ann", "age": 7},
                                             "items": [{"sku": 1, "cost": 2}, {"sku": 3}]})
        self.assertEqual(text, '{"b":1,"user":{"login":"ann","age":7},"items":[{"sku":1},{"sku":3}],"via":"POST"}')
        self.assertEqual(got["content-length"], [str(len(text))])

    def test_an_answer_is_changed(self):
        given = {"envelope": {"data": {"id": 1, "secret": 2, "items": [{"name": "a", "cost": 1}, {"name": "b"}]}, "list": [1, 2],
                              "more": {}}}
        answer = self.tell("/json", json.dumps(given).encode(), Content_Type="application/json", ETag='"x"')
        self.assertEqual(json.loads(answer.body),
                         {"result": {"data": {"id": 1, "items": [{"name": "a"}, {"name": "b"}]}, "list": [1, 2]}})
        self.assertIsNone(answer.headers.get("ETag"))

    def test_other_answers_are_left_alone(self):
        for kind in ["text/plain", "image/png"]:
            self.assertEqual(self.tell("/json", b'{"envelope": 1}', Content_Type=kind).body, b'{"envelope": 1}')

    def test_forms_become_json(self):
        form = [("Content-Type", "application/x-www-form-urlencoded")]
        text, got = self.body("/json/echo", b"a=1&b=x+y%26&a=2&secret=3&empty&c=%C3%A4", form)
        self.assertEqual(json.loads(text), {"a": ["1", "2"], "b": "x y&", "empty": "", "c": "ä", "via": "POST"})
        self.assertEqual(got["content-type"], ["application/json"])
        answer = self.ask("POST", "/json/echo", form, b"a=%ff")
        self.assertEqual((answer.status, json.loads(answer.body)["cause"]), (400, "invalid_request"))

    def test_xml_becomes_json_and_back(self):
        xml = [("Content-Type", "application/xml")]
        text, _ = self.body("/json/echo", b'<?xml version="1.0"?><o id="7"><i>a&amp;b</i><i>&#233;</i><e/>t<![CDATA[<x>]]></o>', xml)
        self.assertEqual(json.loads(text), {"o": {"@id": "7", "i": ["a&b", "é"], "e": "", "#text": "t<x>"}, "via": "POST"})
        answer = self.tell("/toxml", json.dumps({"o": {"@id": 7, "i": ["a<b", 2], "n": None, "t": True}}).encode(),
                           Content_Type="application/json")
        self.assertEqual(answer.body.decode(), '<o id="7"><i>a&lt;b</i><i>2</i><n/><t>true</t></o>')
        self.assertEqual(answer.headers.get("Content-Type"), "application/xml; charset=utf-8")
        answer = self.tell("/fromxml", b"<a><b>1</b></a>", Content_Type="text/xml")
        self.assertEqual(json.loads(answer.body), {"a": {"b": "1"}})
        text, got = self.body("/legacy/echo", {"a": [1, 2], "b": 3})
        self.assertEqual(text, "<order><a>1</a><a>2</a><b>3</b></order>")
        self.assertEqual(got["content-type"], ["application/xml; charset=utf-8"])

    def test_hostile_documents_are_refused(self):
        laughs = b"<!DOCTYPE l [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;&a;&a;&a;'>]><l>&b;</l>"
        outside = b"<!DOCTYPE l [<!ENTITY f SYSTEM 'file:///etc/passwd'>]><l>&f;</l>"
        deep = 100_000
        for kind, body in [("application/xml", laughs), ("application/xml", outside), ("application/xml", b"<!DOCTYPE l><l/>"),
                           ("application/xml", b"<a>" * deep + b"</a>" * deep), ("application/xml", b"<a><b></a>"),
                           ("application/xml", b"<a/><b/>"), ("application/xml", b""), ("application/xml", b"<a>\xff</a>"),
                           ("application/json", b"[" * deep + b"]" * deep), ("application/json", b'{"a":' * deep),
                           ("application/json", b'{"a": 1,}'), ("application/json", b'"\xff"'), ("application/json", b"{} {}"),
                           ("application/json", b'{"a": 1e999}'), ("application/json", b"NaN"), ("application/json", b" ")]:
            answer = self.ask("POST", "/json/echo", [("Content-Type", kind)], body)
            self.assertEqual(answer.status, 400, body[:60])
            self.assertEqual(json.loads(answer.body)["cause"], "invalid_request", body[:60])
        # Unknown entities are text, never what somebody has defined.
        text, _ = self.body("/json/echo", b"<l>&b;</l>", [("Content-Type", "application/xml")])
        self.assertEqual(json.loads(text)["l"], "&b;")

    def test_a_coded_body_gets_past_nobody_and_is_not_unpacked(self):
        bomb = gzip.compress(b'{"a": "' + b"x" * 50_000_000 + b'"}')
        for coding in ("gzip", "br", "identity, gzip"):
            answer = self.ask("POST", "/json/echo", [("Content-Type", "application/json"), ("Content-Encoding", coding)], bomb)
            self.assertEqual(answer.status, 415, answer.body)
            self.assertEqual(answer.headers.get("Accept-Encoding"), "identity")

    def test_no_client_gets_an_answer_past_the_policy(self):
        # The service was asked for all of it and as it is; who compresses here still knows what the client takes.
        answer = self.ask("GET", "/told/echo", [("Accept-Encoding", "gzip"), ("Range", "bytes=0-99"), ("If-Range", '"x"')])
        self.assertEqual(answer.headers.get("Content-Encoding"), "gzip")
        told = json.loads(gzip.decompress(answer.body))
        self.assertEqual(told["seen"], "GET")
        names = {name.lower() for name, _ in told["headers"]}
        self.assertFalse(names & {"accept-encoding", "range", "if-range"}, names)
        # One that comes coded, or as a part, all the same does not go on.
        secret = json.dumps({"data": {"id": 1, "secret": 2}}).encode()
        for fields in ({"Content_Encoding": "gzip"}, {"Content_Encoding": "identity, br"}, {"status": "206", "Content_Range": "bytes 0-9/90"}):
            answer = self.tell("/json", gzip.compress(secret) if "status" not in fields else secret, Content_Type="application/json", **fields)
            self.assertEqual((answer.status, json.loads(answer.body)["cause"]), (502, "bad_upstream_answer"), fields)
            self.assertNotIn(b"secret", answer.body)
        answer = self.tell("/json", secret, Content_Type="application/json", Content_Encoding="identity")
        self.assertEqual(json.loads(answer.body), {"result": {"data": {"id": 1}}})

    def test_what_cannot_be_changed_is_no_answer(self):
        for path, body, kind in [("/json", b"{", "application/json"), ("/toxml", b'{"o": {"a b": 1}}', "application/json"),
                                 ("/toxml", b'"\\u0001"', "application/json"), ("/fromxml", b"<a>" * 200, "text/xml"),
                                 ("/fromxml", b"<a>" + b"x" * 70_000 + b"</a>", "text/xml")]:
            answer = self.tell(path, body, Content_Type=kind)
            self.assertEqual(answer.status, 502, body[:60])
            self.assertEqual(json.loads(answer.body)["cause"], "bad_upstream_answer")

    def test_more_than_it_takes_is_refused_before_it_is_held(self):
        answer = self.ask("POST", "/json/echo", self.JSON, b'"' + b"x" * (1 << 20) + b'"')
        self.assertEqual(answer.status, 413)


class Checks(unittest.TestCase):
    def check(self, policies, path="/a/{id}/*"):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "trunkline.yaml"
            file.write_text("system: s\ngateway:\n  routes:\n    - path: " + path + "\n      to: a\n      policies: " + policies +
                            "\ncontexts: { c: { a: { address: \"127.0.0.1:1\" } } }\n")
            return system.run("check", "--manifest", file, cwd=folder).stderr

    def test_mistakes_are_found_at_their_place_with_the_nearest_name(self):
        for policies, said in [
                ('{ headers: { request: { set: { A: "{identity.subjekt}" } } } }', "did you mean {identity.subject}?"),
                ('{ headers: { request: { set: { A: "{clam.sub}" } } } }', "did you mean {claim.sub}?"),
                ('{ headers: { request: { set: { A: "{response.status}" } } } }', "which is nothing of a request"),
                ('{ headers: { request: { set: { A: "{path.ID}" } } } }', "did you mean {path.id}?"),
                ('{ headers: { request: { set: { A: "{path.x" } } } }', 'has a "{" without "}"'),
                ('{ headers: { request: { set: { Transfer-Encoding: chunked } } } }', "frames the message"),
                ('{ headers: { response: { remove: [content-length] } } }', "frames the message"),
                ('{ headers: { request: { set: { Host: a } } } }', "is said by Trunkline itself"),
                ('{ headers: { request: { set: { X-Forwarded-For: a } } } }', "is said by Trunkline itself"),
                ('{ headers: { request: { set: { "A:b": a } } } }', "is no header name"),
                ('{ headers: { request: { set: { A: "x\\r\\ny" } } } }', "must not hold control characters"),
                ('{ headers: { request: { remove: [A], set: { a: b } } } }', "is both removed and set"),
                ('{ security_headers: { hsts: { preload: true } } }', "browsers' lists"),
                ('{ security_headers: { frame: "a; script-src *" } }', "must be deny, same_origin"),
                ('{ compress: lzma }', 'must be one of zstd, br or gzip'),
                ('{ compress: { types: [TEXT] } }', "must be a media type"),
                ('{ json: {} }', 'needs "request" or "response"'),
                ('{ json: { request: { drop: [a..b] } } }', "must be names with dots")]:
            with self.subTest(policies):
                text = self.check(policies)
                self.assertIn(said, text)
                self.assertRegex(text, r"trunkline\.yaml:6:\d+: error: ")


if __name__ == "__main__":
    unittest.main()
