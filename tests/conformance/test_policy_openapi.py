# deadline: 120
"""Requests held against an OpenAPI document, by a real client through the real binary; and routes made of one."""
import gzip
import json
import unittest

import system

DOCUMENT = """
openapi: 3.1.0
info: { title: Orders, version: "1" }
servers: [{ url: https://api.example/v1 }]
paths:
  /orders:
    get:
      parameters:
        - { name: limit, in: query, schema: { type: integer, minimum: 1, maximum: 100 } }
        - { name: state, in: query, schema: { type: array, items: { enum: [open, done] } } }
        - { name: tags, in: query, explode: false, schema: { type: array, maxItems: 2 } }
        - { name: X-Tenant, in: header, required: true, schema: { type: string, pattern: "^[a-z]+$" } }
        - { name: flag, in: query, schema: { type: boolean } }
      responses: { "200": { description: ok } }
    post:
      requestBody:
        required: true
        content: { application/json: { schema: { $ref: "#/components/schemas/Order" } } }
      responses:
        "200": { description: ok, content: { application/json: { schema: { type: object, required: [nothing] } } } }
  /orders/{id}:
    parameters: [{ name: id, in: path, required: true, schema: { type: integer } }]
    get: { responses: { "200": { description: ok } } }
    delete: { responses: { "204": { description: gone } } }
  /free:
    post:
      requestBody: { content: { text/plain: {} } }
      responses: { default: { description: any } }
components:
  schemas:
    Order:
      type: object
      required: [customer, items]
      additionalProperties: false
      properties:
        customer: { type: string, format: email }
        items: { type: array, minItems: 1, items: { $ref: "#/components/schemas/Item" } }
        note: { type: [string, "null"], maxLength: 5 }
    Item:
      type: object
      required: [sku]
      properties: { sku: { type: string }, count: { type: integer, minimum: 1, default: 1 }, parts: { type: array, items: { $ref: "#/components/schemas/Item" } } }
"""

MANIFEST = """
system: contract
telemetry: { access_log: none }
gateway:
  listen: <port>
  routes:
    - { path: /v1/*, to: echo, policies: { openapi: orders.yaml } }
    - { path: /report/*, to: echo, policies: { openapi: { file: orders.yaml, base: /report, requests: report, responses: report } } }
    - { path: /open/*, to: echo, policies: { openapi: { file: orders.yaml, base: /open, unknown: true, most: 1KB } } }
contexts:
  test:
    echo: { run: "<python> <service>", health: /healthz }
"""
JSON = ("Content-Type", "application/json")
TENANT = ("X-Tenant", "acme")


class OpenApi(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.system = system.System(MANIFEST, files={"orders.yaml": DOCUMENT},
                                   service=system.ROOT / "tests/kit/service.py").start()
        cls.addClassCleanup(cls.system.stop)

    def ask(self, method, path, status, headers=(), body=None):
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        answer = self.system.ask(method, path, list(headers), body)
        self.assertEqual(answer.status, status, answer)
        return answer

    def violations(self, method, path, headers=(), body=None):
        answer = self.ask(method, path, 400, headers, body)
        problem = answer.json()
        self.assertEqual(problem["cause"], "invalid_request")
        self.assertIsNone(answer.headers.get("X-Instance"), "it has not reached the service")
        return problem["violations"]

    def test_good_requests_pass_unchanged(self):
        self.ask("GET", "/v1/orders?limit=5&state=open&state=done&tags=a,b&flag=true", 200, [TENANT])
        answer = self.ask("POST", "/v1/orders", 200, [JSON], {"customer": "a@b.example", "items": [{"sku": "x", "parts": [{"sku": "y"}]}], "note": None})
        self.assertIsNotNone(answer.headers.get("X-Instance"))
        self.ask("GET", "/v1/orders/7", 200)
        self.ask("DELETE", "/v1/orders/7", 200)

    def test_all_that_is_wrong_is_told_at_once(self):
        self.assertEqual(self.violations("GET", "/v1/orders?limit=500&state=lost&tags=a,b,c&flag=maybe"),
                         ["query/limit: must be at most 100", 'query/state/0: must be one of "open", "done"',
                          "query/tags: must have at most 2 items", "header/X-Tenant: is required",
                          "query/flag: must be a boolean"])
        self.assertEqual(self.violations("POST", "/v1/orders", [JSON], {"customer": "nobody", "items": [], "note": "too long", "x": 1}),
                         ["body/customer: must be of format email", "body/items: must have at least 1 items",
                          "body/note: must have at most 5 characters", "body/x: is no field of this object"])
        self.assertEqual(self.violations("GET", "/v1/orders/seven"), ["path/id: must be an integer"])
        self.assertEqual(self.violations("POST", "/v1/orders", [JSON], {"customer": "a@b.example", "items": [{"sku": "x", "parts": [{"sku": 5}]}]}),
                         ["body/items/0/parts/0/sku: must be a string"])

    def test_bodies_that_are_none(self):
        self.assertEqual(self.violations("POST", "/v1/orders", [JSON]), ["body: is required"])
        self.assertEqual(self.violations("POST", "/v1/orders", [], b""), ["body: is required"])
        self.ask("POST", "/v1/free", 200, [], b"")  # one that need not be there
        self.assertTrue(self.violations("POST", "/v1/orders", [JSON], b"{")[0].startswith("body: is no JSON"))
        self.assertEqual(self.violations("POST", "/v1/orders", [JSON], b"[" * 5000 + b"]" * 5000), ["body: is more than 64 levels deep"])
        bomb = gzip.compress(b'{"customer": "' + b"x" * 50_000_000 + b'"}')
        self.assertTrue(self.violations("POST", "/v1/orders", [JSON, ("Content-Encoding", "gzip")], bomb)[0].startswith("body: is no JSON"))
        self.assertEqual(self.violations("POST", "/v1/orders", [("Content-Type", "text/xml")], b"<a/>"),
                         ["header/Content-Type: must be application/json"])
        self.ask("POST", "/v1/free", 200, [("Content-Type", "text/plain; charset=utf-8")], b"anything")
        self.assertTrue(self.violations("POST", "/v1/orders", [JSON], b'{"customer": "\xff"}')[0].startswith("body: is no JSON"))

    def test_what_the_contract_does_not_have(self):
        self.assertEqual(self.ask("GET", "/v1/nothing", 404).json()["cause"], "invalid_request")
        answer = self.ask("PUT", "/v1/orders/7", 405)
        self.assertEqual(answer.headers.get("Allow"), "GET, DELETE, HEAD")
        self.ask("GET", "/open/nothing", 200)
        self.ask("POST", "/open/orders", 413, [JSON], b'{"customer": "' + b"x" * 2000 + b'"}')

    def test_tricks_with_paths_and_names(self):
        self.violations("GET", "/v1/orders/7%20or%201=1")
        self.ask("GET", "/v1/orders/..%2f7", 400)
        self.assertIn("query/limit: must be an integer", self.violations("GET", "/v1/orders?lim%69t=x", [TENANT]))
        self.assertIn("header/X-Tenant: must match ^[a-z]+$", self.violations("GET", "/v1/orders", [("x-tenant", "ACME")]))

    def test_report_records_and_passes_on(self):
        answer = self.ask("GET", "/report/orders?limit=x", 200, [TENANT])
        said = self.system.cli("why", answer.headers.get("X-Trace-Id")).stdout
        self.assertIn("openapi: query/limit: must be an integer", said)
        answer = self.ask("POST", "/report/orders", 200, [JSON], {"customer": "a@b.example", "items": [{"sku": "x"}]})
        said = self.system.cli("why", answer.headers.get("X-Trace-Id")).stdout
        self.assertIn('openapi: answer: body: needs "nothing"', said)
        self.assertEqual(answer.json()["path"], "/report/orders")

    def test_documents_become_routes(self):
        done = self.system.cli("import", "openapi", "orders.yaml", "--to", "echo")
        self.assertEqual(done.returncode, 0, done.stderr)
        text = "system: made\n" + done.stdout + "contexts:\n  all:\n    echo: { run: x }\n"
        folder = system.System(text, files={"orders.yaml": DOCUMENT})
        self.addCleanup(folder.stop)
        checked = folder.cli("check")
        self.assertEqual(checked.returncode, 0, checked.stderr)
        self.assertIn("3 routes", checked.stdout)
        self.assertIn("/v1/orders/{id}", done.stdout)

    def test_mistakes_of_documents_are_told_by_check(self):
        for text, says in [("swagger: '2.0'\n", "is no OpenAPI document of version 3.0 or 3.1"), ("a: [", "orders.yaml:1:")]:
            wrong = system.System(MANIFEST, files={"orders.yaml": text}, service="x")
            self.addCleanup(wrong.stop)
            done = wrong.cli("check")
            self.assertEqual(done.returncode, 2)
            self.assertIn(says, done.stderr)
        missing = system.System(MANIFEST, service="x")
        self.addCleanup(missing.stop)
        self.assertIn("trunkline.yaml:7:", missing.cli("check").stderr)
        self.assertIn("cannot read", missing.cli("check").stderr)


if __name__ == "__main__":
    unittest.main()
