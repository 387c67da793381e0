# deadline: 90
"""Routes whose service speaks GraphQL: stored operations, by a real client, through the real binary."""
import json
import unittest

import system

SERVICE = '''
import http.server, json, os, time

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.say(200, {"ok": True})
    def do_POST(self):
        call = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        values = call["variables"]
        kind = values.get("id", "")
        seen = {"path": self.path, "operation": call.get("operationName"), "variables": values, "type": self.headers["Content-Type"],
                "authorization": self.headers.get("Authorization"), "cookie": self.headers.get("Cookie")}
        error = lambda message, code=None: {"message": message, **({"extensions": {"code": code}} if code else {})}
        if kind == "none": return self.say(200, {"data": {"product": None}})
        if kind == "lost": return self.say(200, {"data": None, "errors": [error("no product", "NOT_FOUND")]})
        if kind == "input": return self.say(400, {"errors": [error("too many", "BAD_USER_INPUT")]})
        if kind == "closed": return self.say(200, {"data": {"product": None}, "errors": [error("not yours", "FORBIDDEN")]})
        if kind == "sick": return self.say(200, {"data": None, "errors": [error("the database is away", "INTERNAL_SERVER_ERROR")]})
        if kind == "part": return self.say(200, {"data": {"product": {"name": "cup", "stock": None}}, "errors": [error("no stock")]})
        if kind == "text": return self.say(200, "<html>")
        if kind == "down": return self.say(503, "down")
        if kind == "odd": return self.say(200, {"errors": ["x", 7]})
        if kind == "big": return self.say(200, {"data": {"product": "x" * 5000}})
        if kind == "slow": time.sleep(3)
        self.say(200, {"data": {"product": seen, "other": 1}})
    def say(self, status, value):
        data = value.encode() if isinstance(value, str) else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
    def log_message(self, *_): pass

http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
'''
DOCUMENT = """
query Product($id: ID!, $first: Int = 10, $price: Float, $fresh: Boolean, $tags: [String!]) {
  product(id: $id) { name stock(first: $first) } other
}
mutation Rename($id: ID!, $name: String!, $parts: [PartInput!]) { rename(id: $id, name: $name, parts: $parts) { id } }
"""
MANIFEST = """
system: graph
telemetry: { access_log: none }
gateway:
  listen: <port>
  routes:
    - path: /products/{id}
      to: catalogue
      methods: [GET]
      timeout: 1s
      graphql: { query: product.graphql, operation: Product, take: product, most: 4KB, headers: { Authorization: "{header.authorization}" } }
    - path: /products/{id}
      to: catalogue
      methods: [PUT]
      graphql: { query: product.graphql, operation: Rename, endpoint: /api/graph }
    - path: /search
      to: catalogue
      graphql: { query: "query ($id: ID!, $what: String) { product(id: $id, what: $what) { name } }", variables: { id: "{query.q}" } }
    - { path: /nowhere, to: dead, graphql: { query: "{ a }" } }
contexts:
  shop:
    catalogue: { run: "<python> service.py" }
    dead: { address: "127.0.0.1:9", health: { none: true } }
"""


def setUpModule():
    global running
    running = system.System(MANIFEST, files={"service.py": SERVICE, "product.graphql": DOCUMENT}).start()
    unittest.addModuleCleanup(running.stop)


def get(target, **headers):
    answer = running.ask("GET", target, [(k.replace("_", "-"), v) for k, v in headers.items()])
    return answer, json.loads(answer.body)


class Asked(unittest.TestCase):
    def test_the_operation_is_stored_and_the_values_are_typed(self):
        answer, seen = get("/products/cup%2F7?first=3&price=1.5&fresh=true&tags=a,b&unknown=1", Authorization="Bearer x",
                           Cookie="c=1")
        self.assertEqual(answer.status, 200, seen)
        self.assertEqual(seen["variables"], {"id": "cup/7", "first": 3, "price": 1.5, "fresh": True, "tags": ["a", "b"]})
        self.assertEqual((seen["path"], seen["operation"], seen["type"]), ("/graphql", "Product", "application/json"))
        self.assertEqual((seen["authorization"], seen["cookie"]), ("Bearer x", None))
        self.assertEqual(answer.headers.get("X-Trunkline-Complete"), "true")

    def test_what_has_no_value_is_left_out(self):
        self.assertEqual(get("/products/cup")[1]["variables"], {"id": "cup"})

    def test_a_body_brings_values_of_any_type(self):
        body = {"name": "bowl", "parts": [{"n": 1}], "query": "{ evil }", "id": "another"}
        answer = running.ask("PUT", "/products/cup", [("Content-Type", "application/json")], json.dumps(body).encode())
        seen = json.loads(answer.body)["product"]
        self.assertEqual(seen["variables"], {"id": "cup", "name": "bowl", "parts": [{"n": 1}]})
        self.assertEqual((seen["path"], seen["operation"]), ("/api/graph", "Rename"))

    def test_a_value_is_never_part_of_the_operation(self):
        value = "%22%7D)%20%7B%20evil%20%7D%0D%0AX-Evil:%201"
        seen = get(f"/search?q={value}&what={value}")[1]["product"]
        self.assertEqual(seen["variables"], {"id": '"}) { evil }\r\nX-Evil: 1', "what": '"}) { evil }\r\nX-Evil: 1'})


class Refused(unittest.TestCase):
    def refused(self, target, status, cause):
        answer, problem = get(target)
        self.assertEqual((answer.status, problem["cause"]), (status, cause), problem)
        return problem["detail"]

    def test_all_that_is_wrong_with_the_values_is_told_at_once(self):
        detail = self.refused("/products/cup?first=x&price=&fresh=1", 400, "invalid_request")
        self.assertEqual(detail, '"first" must be Int; "price" must be Float; "fresh" must be Boolean')
        self.assertEqual(self.refused("/search", 400, "invalid_request"), '"id" is missing')

    def test_bodies_that_are_no_values(self):
        for body in (b"[1]", b"{", b"\xff", b"[" * 5000):
            answer = running.ask("PUT", "/products/cup", [("Content-Type", "application/json")], body)
            self.assertEqual((answer.status, json.loads(answer.body)["cause"]), (400, "invalid_request"), body[:10])

    def test_errors_of_the_service_have_a_status(self):
        for kind, status, detail in [("lost", 404, "no product"), ("input", 400, "too many"), ("closed", 403, "not yours"),
                                     ("sick", 502, "the database is away"), ("none", 404, "there is no such product"),
                                     ("odd", 502, "the service reports an error")]:
            with self.subTest(kind):
                self.assertEqual(self.refused(f"/products/{kind}", status, "incomplete"), detail)

    def test_answers_that_are_none(self):
        for kind, status, cause in [("text", 502, "bad_upstream_answer"), ("down", 502, "bad_upstream_answer"),
                                    ("slow", 504, "upstream_timeout")]:
            with self.subTest(kind):
                self.refused(f"/products/{kind}", status, cause)
        self.assertEqual(get("/products/big")[0].status, 502)
        self.refused("/nowhere", 502, "upstream_connect_failed")

    def test_a_part_is_told_to_be_one(self):
        answer, value = get("/products/part")
        self.assertEqual((answer.status, value, answer.headers.get("X-Trunkline-Complete")),
                         (200, {"name": "cup", "stock": None}, "false"))


class Checked(unittest.TestCase):
    def said(self, old, new):
        text = running.manifest.read_text().replace(old, new)
        self.assertNotEqual(text, running.manifest.read_text())
        (running.folder / "wrong.yaml").write_text(text)
        done = running.cli("check", "--manifest", "wrong.yaml")
        self.assertEqual(done.returncode, 2, done.stdout)
        return done.stdout + done.stderr

    def test_mistakes_are_found_before_anything_runs(self):
        for old, new, words in [
                ("operation: Product", "operation: Produkt", 'has no operation "Produkt"; did you mean "Product"?'),
                (", operation: Product", "", 'it has 2 operations; say "operation"'),
                ("product.graphql, operation: Product", "nowhere.graphql", "nowhere.graphql"),
                ("methods: [PUT]", "methods: [PUT, GET]", "a mutation must not be made by GET"),
                ('{ id: "{query.q}" }', '{ idd: "{query.q}" }', "has no variable $idd; did you mean id?"),
                ('{ id: "{query.q}" }', '{ id: "{path.q}" }', "{path.q} is no part of the path /search"),
                ('"{ a }"', '"subscription S { a }"', "a subscription is no request with one answer"),
                ('"{ a }"', '"{ a "', "it ends where"),
                ("to: dead,", "to: dead, version: v2,", '"version" does nothing beside "graphql"'),
                ("endpoint: /api/graph", "endpoint: graph", "must be a path such as /graphql")]:
            with self.subTest(new):
                said = self.said(old, new)
                self.assertIn(words, said)
                self.assertRegex(said, r"wrong\.yaml:\d+:\d+: error: ")


if __name__ == "__main__":
    unittest.main()
