# deadline: 240
"""The portal by the real binary: the merged document as the validator of npm and a client see it, who may see it, and
its page in jsdom, which sends requests through the gateway."""
import base64
import hashlib
import json
import pathlib
import re
import unittest

import npm_cache
import system

HERE = pathlib.Path(__file__).resolve().parent
NEW = """
openapi: 3.1.0
info: { title: Orders, version: "1", description: "Orders of **customers**. <img src=x onerror=alert(1)> [here](javascript:alert(1)) [there](https://example.org/)" }
servers: [{ url: "https://orders.internal.corp:8443/v1" }]
paths:
  /orders:
    get:
      operationId: list
      summary: All orders
      responses: { "200": { description: ok, content: { application/json: { schema: { type: array, items: { $ref: "#/components/schemas/Order" } } } } } }
    post:
      operationId: place
      requestBody: { required: true, content: { application/json: { schema: { $ref: "#/components/schemas/Order" } } } }
      responses: { "201": { description: made }, default: { $ref: "#/components/responses/Problem" } }
  /orders/{id}:
    parameters: [{ name: id, in: path, required: true, description: "Its **number**", schema: { type: string } }]
    get:
      x-secret-integration: http://10.9.8.7/
      servers: [{ url: "http://10.9.8.7" }]
      externalDocs: { url: "http://wiki.internal.corp" }
      parameters:
        - { name: tags, in: query, schema: { type: array, items: { type: string } } }
      responses: { "200": { description: ok, links: { next: { operationId: list } } } }
    delete: { x-internal: true, responses: { "204": { description: gone } } }
components:
  responses:
    Problem: { description: what is wrong, content: { application/problem+json: { schema: { $ref: "#/components/schemas/Problem" } } } }
  schemas:
    Problem: { type: object, properties: { title: { type: string }, cause: { $ref: "#/components/schemas/Problem" } } }
    Order:
      type: object
      required: [customer, items]
      properties:
        customer: { type: string, format: email }
        items: { type: array, minItems: 1, items: { type: object, required: [sku], properties: { sku: { type: string }, count: { type: integer, default: 1 } } } }
        id: { type: string, readOnly: true }
"""
OLD = """
openapi: 3.0.3
info: { title: Products, version: "2" }
paths:
  /products/{sku}:
    get:
      operationId: list
      parameters: [{ $ref: "#/components/parameters/Sku" }]
      responses:
        "200": { description: ok, content: { application/json: { schema: { $ref: "#/components/schemas/Product" } } } }
        "404": { description: none, content: { application/json: { schema: { $ref: "#/components/schemas/Problem" } } } }
        "418": { $ref: "teapots.yaml#/Teapot" }
components:
  parameters: { Sku: { name: sku, in: path, required: true, schema: { type: string, example: cup } } }
  schemas:
    Problem: { type: object, nullable: true }
    Product:
      properties:
        price: { type: number, minimum: 0, exclusiveMinimum: true, nullable: true, example: 5 }
        next: { $ref: "#/components/schemas/Product" }
"""
MANIFEST = """
system: shop
telemetry: { access_log: none }
gateway:
  listen: <port>
  portal: { path: /docs, title: "<title>", description: "What it *sells*." }
  policies: { security_headers: { override: true, content_security_policy: "default-src 'self'" }, compress: {} }
  routes:
    - { path: /v1/*, to: orders, policies: { openapi: new.yaml } }
    - { path: /api/products/*, to: products, rewrite: /products/*, policies: { openapi: { file: old.yaml, base: /api, responses: report }, limit: 1000/s by client } }
    - { path: /key/*, to: echo, policies: { auth: api_key } }
    - path: "/jwt/{id}"
      to: echo
      methods: [GET, POST]
      policies:
        auth: [jwt, anonymous]
    - { path: /preview/*, to: echo, headers: { X-Preview: open-sesame } }
    - { path: /quiet/*, to: echo, portal: false }
    - { path: /hidden/*, to: cellar }
    - path: /both
      join: { calls: { a: { to: echo, path: /a }, b: { to: cellar, path: /b } } }
contexts:
  sales:
    orders: { run: "<python> <service>", health: /healthz }
    products: { run: "<python> <service>", health: /healthz }
  back:
    echo: { run: "<python> <service>", health: /healthz }
    cellar: { run: "<python> <service>", health: /healthz, portal: false }
""".replace("auth: [jwt, anonymous]", "auth: { jwt: { issuer: https://sso.internal.corp, audience: shop, secret: secret }, methods: [anonymous] }\n"
            "        allow: { methods: { GET: { scopes: [read] }, POST: { roles: [staff], subjects: [alice] } } }\n        quota: 100/month by identity")
FILES = {"new.yaml": NEW, "old.yaml": OLD, "secret": "x" * 40}
GUARDED = """
system: guarded
gateway:
  listen: <port>
  portal: { path: /int/docs, host: api.example, policies: { auth: { api_key: { from: query key } }, limit: 4/m by client burst 4 } }
  policies: { openapi: { file: new.yaml, unknown: true } }
  routes: [{ path: /*, to: echo }]
contexts: { test: { echo: { run: "<python> <service>" } } }
"""


def references(value):
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


class Portal(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.system = system.System(MANIFEST, files=FILES, title="The <Shop>",
                                   service=system.ROOT / "tests/kit/service.py").start()
        cls.addClassCleanup(cls.system.stop)
        cls.url = f"http://127.0.0.1:{cls.system.port}"

    def get(self, path, *headers, method="GET"):
        return self.system.ask(method, path, list(headers))

    def document(self):
        answer = self.get("/docs/openapi.json")
        self.assertEqual((answer.status, answer.headers.get("Content-Type")), (200, "application/json"))
        return answer.json()

    def test_the_document_is_valid_to_a_validator_and_whole(self):
        told = npm_cache.run(HERE / "portal_validator.js", f"{self.url}/docs/openapi.json")
        self.assertEqual(told, {"valid": True, "version": "3.1", "errors": []})
        told = npm_cache.run(HERE / "portal_validator.js", f"{self.url}/docs/openapi.yaml")
        self.assertEqual(told, {"valid": True, "version": "3.1", "errors": []})
        document = self.document()
        seen = 0
        for reference in references(document):
            target = document
            for part in reference.removeprefix("#/").split("/"):
                target = target[part]
            seen += 1
        self.assertGreater(seen, 5)

    def test_operations_are_those_that_clients_reach(self):
        document = self.document()
        self.assertEqual({path: list(item) for path, item in document["paths"].items()},
                         {"/v1/orders": ["get", "post"], "/v1/orders/{id}": ["get"], "/api/products/{sku}": ["get"],
                          "/key/{rest}": ["get"], "/jwt/{id}": ["get", "post"], "/preview/{rest}": ["get"], "/both": ["get"]})
        self.assertEqual(document["servers"][0]["url"], "/")
        self.assertEqual(document["x-tagGroups"], [{"name": "sales", "tags": ["orders", "products"]}, {"name": "back", "tags": ["echo"]}])
        for path, item in document["paths"].items():
            for method in item:
                answer = self.get(path.replace("{", "").replace("}", ""), ("X-Preview", "open-sesame"), method=method.upper())
                self.assertNotIn(answer.status, (404, 405), path)

    def test_names_that_collide_and_what_3_0_says_otherwise(self):
        document = self.document()
        schemas = document["components"]["schemas"]
        self.assertEqual(sorted(schemas), ["Order", "Product", "orders.Problem", "products.Problem"])
        self.assertEqual(schemas["products.Problem"]["type"], ["object", "null"])
        self.assertEqual(schemas["Product"]["properties"]["price"], {"type": ["number", "null"], "exclusiveMinimum": 0, "examples": [5]})
        ids = [operation["operationId"] for item in document["paths"].values() for operation in item.values() if "operationId" in operation]
        self.assertEqual(ids, ["orders.list", "place", "products.list"])
        self.assertEqual(document["x-trunkline"]["notes"], ["products: a reference that leads out of its document or nowhere was left out"])

    def test_what_the_gateway_asks_for_is_in_it(self):
        document = self.document()
        self.assertEqual(document["components"]["securitySchemes"],
                         {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                          "key_x-api-key": {"type": "apiKey", "in": "header", "name": "X-API-Key"}})
        self.assertEqual(document["paths"]["/key/{rest}"]["get"]["security"], [{"key_x-api-key": []}])
        jwt = document["paths"]["/jwt/{id}"]
        self.assertEqual(jwt["get"]["security"], [{"bearer": ["read"]}, {}])
        self.assertEqual(jwt["post"]["x-trunkline"]["needs"], {"roles": ["staff"], "more": "The gateway has more rules about who may"})
        self.assertEqual(jwt["get"]["x-trunkline"]["limits"], {"quota": ["100/month by identity"]})
        self.assertEqual(document["paths"]["/api/products/{sku}"]["get"]["x-trunkline"]["limits"], {"rate": ["1000/s by client"]})
        self.assertEqual(document["paths"]["/preview/{rest}"]["get"]["x-trunkline"]["headers"], ["X-Preview"])

    def test_nothing_of_the_inside_gets_out(self):
        for path in ("/docs/openapi.json", "/docs/openapi.yaml", "/docs"):
            text = self.get(path).body.decode()
            for secret in ("internal.corp", "10.9.8.7", "open-sesame", "cellar", "/hidden", "quiet", "alice", "127.0.0.1", "x-secret", "new.yaml"):
                self.assertNotIn(secret, text, path)

    def test_an_etag_saves_the_answer(self):
        for path in ("/docs", "/docs/openapi.json", "/docs/openapi.yaml"):
            first = self.get(path)
            tag = first.headers.get("ETag")
            self.assertRegex(tag, r'^"[0-9a-f]{32}"$')
            self.assertEqual(first.headers.get("Cache-Control"), "private, no-cache")
            for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
                answer = self.get(path, ("If-None-Match", known))
                self.assertEqual((answer.status, answer.body, answer.headers.get("ETag")), (304, b"", tag))
            self.assertEqual(self.get(path, ("If-None-Match", '"other"')).status, 200)
            head = self.get(path, method="HEAD")
            self.assertEqual((head.status, head.body), (200, b""))
            self.assertEqual(head.headers.get("Content-Length"), str(len(first.body)))
        packed = self.get("/docs/openapi.json", ("Accept-Encoding", "gzip"))
        self.assertEqual(packed.headers.get("Content-Encoding"), "gzip")
        self.assertEqual(self.get("/docs/openapi.json", ("Accept-Encoding", "gzip"), ("If-None-Match", packed.headers.get("ETag"))).status, 304)

    def test_the_page_runs_its_own_script_and_nothing_else(self):
        answer = self.get("/docs")
        policy = answer.headers.get("Content-Security-Policy")
        self.assertNotIn("unsafe", policy)
        self.assertTrue(policy.startswith("default-src 'none'; script-src 'sha256-"), "the policy for all pages has another")
        text = answer.body.decode()
        for element, directive in (("script", "script-src"), ("style", "style-src")):
            found = re.findall(rf"<{element}[^>]*>(.*?)</{element}>", text, re.S)
            self.assertEqual(len(found), 1)
            digest = base64.b64encode(hashlib.sha256(found[0].encode()).digest()).decode()
            self.assertIn(f"{directive} 'sha256-{digest}'", policy)
        self.assertNotRegex(text, r"(?i)\son\w+=|javascript:|<(script|link|img)[^>]+(src|href)=[\"']?(https?:)?//")
        self.assertIn("<title>The &lt;Shop&gt;</title>", text)
        self.assertEqual(answer.headers.get("X-Content-Type-Options"), "nosniff")

    def test_other_methods_and_paths(self):
        answer = self.get("/docs", method="POST")
        self.assertEqual((answer.status, answer.headers.get("Allow")), (405, "GET, HEAD"))
        self.assertEqual(self.get("/docs/other").status, 404)
        self.assertEqual(self.get("/docsy").status, 404)
        answer = self.get("/docs/")
        self.assertEqual((answer.status, answer.headers.get("Location")), (308, "../docs"))

    def test_commands_show_it(self):
        routes = self.system.json("routes")
        shown = next(route for route in (routes["routes"] if isinstance(routes, dict) else routes) if route["path"] == "/docs/*")
        self.assertEqual(shown["to"], "the portal")
        trace = self.get("/docs").headers.get("X-Trace-Id")
        self.assertIn("portal: the page", self.system.cli("why", trace).stdout)
        self.assertIn("/docs/* to the portal", self.system.cli("routes", "--effective", "/docs").stdout)

    def test_the_page_in_a_browser(self):
        key = self.system.cli("keys", "create", "reader").stdout.strip()
        page = npm_cache.run(HERE / "portal_page.js", self.url, key)
        self.assertEqual(page["errors"], [])
        self.assertEqual((page["title"], page["markup"]), ("The <Shop>", 0))
        self.assertEqual(page["groups"], ["sales", "orders", "products", "back", "echo", "Other", "joined"])
        self.assertEqual(len(page["links"]), 9)
        self.assertIn("<img src=x onerror=alert(1)>", page["home"], "shown as it is written")
        self.assertEqual(page["hrefs"], ["docs/openapi.json", "docs/openapi.yaml", "https://example.org/"])
        self.assertEqual((page["searched"], page["found"]), (["POST/v1/orders"], "1 of 9 operations"))
        self.assertIn("open to all", page["operation"])
        self.assertIn("requests that are not as described here get 400", page["operation"])
        self.assertEqual(page["focus"], "main")
        got = page["get"]
        self.assertTrue(got["status"].startswith("200 "), got)
        self.assertEqual(json.loads(got["body"])["path"], "/v1/orders/7%2F7")
        self.assertEqual(json.loads(got["body"])["headers"]["x-more"], "it's")
        self.assertRegex(got["trace"], "^[0-9a-f]{32}$")
        self.assertEqual(got["curl"], f"curl -i '{self.url}/v1/orders/7%2F7?tags=a&tags=b%26c' -H 'X-More: it'\\''s'")
        self.assertEqual(page["example"], {"customer": "ada@example.org", "items": [{"sku": "text", "count": 1}]})
        self.assertTrue(page["post"]["status"].startswith("200 "), page["post"])
        self.assertIn("-X POST", page["post"]["curl"])
        self.assertIn("--data-binary", page["post"]["curl"])
        self.assertTrue(page["refused"]["status"].startswith("400 "), page["refused"])
        self.assertIn("body/customer: must be a string", page["refused"]["body"])
        self.assertTrue(page["without"]["status"].startswith("401 "), page["without"])
        self.assertEqual(page["credentials"], ["bearer: a bearer token (JWT)", "key_x-api-key: an API key in header X-API-Key"])
        self.assertTrue(page["with"]["status"].startswith("200 "), page["with"])
        self.assertEqual(json.loads(page["with"]["body"])["path"], "/key/a%20b/c")
        self.assertEqual((page["stored"], page["labelled"]), ([0, 0, ""], True))
        self.assertEqual((page["theme"], page["menu"]), ("light", ["true", "open"]))
        self.assertEqual({url.startswith(self.url + "/") for url in page["asked"]}, {True}, "no other host is asked")


class Guarded(unittest.TestCase):
    def test_policies_and_hosts_hold_for_the_portal(self):
        running = system.System(GUARDED, files=FILES, service=system.ROOT / "tests/kit/service.py").start()
        self.addCleanup(running.stop)
        key = running.cli("keys", "create", "reader").stdout.strip()
        ask = lambda path, host="api.example": running.ask("GET", path, host=host)
        self.assertEqual(ask("/int/docs").status, 401)
        self.assertEqual(ask("/int/docs/openapi.json").status, 401)
        self.assertEqual(ask(f"/int/docs?key={key}").status, 200)
        self.assertEqual(ask(f"/int/docs/openapi.json?key={key}").status, 200)
        self.assertEqual([ask(f"/int/docs?key={key}").status for _ in range(4)][-1], 429)
        self.assertIn("path", ask("/int/docs", host="other.example").json(), "the service's own path on other hosts")

    def test_it_is_off_unless_it_is_asked_for_and_comes_and_goes_with_apply(self):
        without = GUARDED.replace("  portal:", "  # portal:")
        running = system.System(without, files=FILES, service=system.ROOT / "tests/kit/service.py").start()
        self.addCleanup(running.stop)
        self.assertEqual(running.ask("GET", "/docs", host="api.example").json()["path"], "/docs")
        with_it = running.manifest.read_text(encoding="utf-8").replace("  routes:", "  portal: /docs\n  routes:")
        running.write(with_it)
        self.assertIn("portal", running.cli("plan").stdout)
        self.assertEqual(running.cli("apply").returncode, 0)
        self.assertEqual(running.ask("GET", "/docs").headers.get("Content-Type"), "text/html; charset=utf-8")
        first = running.ask("GET", "/docs/openapi.json").headers.get("ETag")
        (running.folder / "new.yaml").write_text(NEW.replace("All orders", "All of them"), encoding="utf-8")
        self.assertEqual(running.ask("GET", "/docs/openapi.json").headers.get("ETag"), first, "not read for each request")
        self.assertEqual(running.cli("apply").returncode, 0)
        other = running.ask("GET", "/docs/openapi.json")
        self.assertEqual(other.json()["paths"]["/v1/orders"]["get"]["summary"], "All of them")
        self.assertNotEqual(other.headers.get("ETag"), first)
        running.write(with_it.replace("{ path: /*,", "{ path: /*, portal: false,"))
        self.assertEqual(running.cli("apply").returncode, 0)
        second = running.ask("GET", "/docs/openapi.json")
        self.assertEqual(second.json()["paths"], {})
        self.assertNotEqual(second.headers.get("ETag"), first)


class Mistakes(unittest.TestCase):
    def test_check_tells_of_them_with_their_place(self):
        for portal, routes, said in [
                ("/docs", "{ path: /docs/*, to: echo }", "trunkline.yaml:4:11: error: the portal's path /docs collides with the route in line 5"),
                ("/docs", "{ path: '/docs/{x}/y', to: echo, host: a.example }", "collides with the route in line 5"),
                ("/docs", "{ path: /*, to: echo, priority: 5 }", "nobody reaches the portal at /docs: the route in line 5 has a priority"),
                ("/", "{ path: /*, to: echo }", 'must be a path such as /docs, without parameters and "/" at its end'),
                ("'/a/{b}'", "{ path: /*, to: echo }", "must be a path such as /docs"),
                ("{ path: /docs, titel: x }", "{ path: /*, to: echo }", "title"),
                ("{ path: /docs, policies: { ip: nonsense } }", "{ path: /*, to: echo }", "trunkline.yaml:4:")]:
            with self.subTest(portal=portal, routes=routes):
                wrong = system.System(f"\nsystem: a\ngateway:\n  portal: {portal}\n  routes: [{routes}]\ncontexts: {{ c: {{ echo: {{ run: x }} }} }}\n")
                self.addCleanup(wrong.stop)
                done = wrong.cli("check")
                self.assertEqual(done.returncode, 2, done.stdout)
                self.assertIn(said, done.stderr)

    def test_routes_beside_it_are_none(self):
        for portal, route in [("/docs", "{ path: /*, to: echo }"), ("/docs", "{ path: /docsy, to: echo }"),
                              ("{ path: /docs, host: a.example }", "{ path: /docs/*, to: echo }")]:
            good = system.System(f"\nsystem: a\ngateway:\n  portal: {portal}\n  routes: [{route}]\ncontexts: {{ c: {{ echo: {{ run: x }} }} }}\n")
            self.addCleanup(good.stop)
            done = good.cli("check")
            self.assertEqual((done.returncode, done.stderr), (0, ""))


if __name__ == "__main__":
    unittest.main()
