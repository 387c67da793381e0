# deadline: 240
"""JSON to a server of @grpc/grpc-js that describes itself by @grpc/reflection: not as protoc does, and without annotations."""
import json
import pathlib
import unittest

import npm_cache
import system

HERE = pathlib.Path(__file__).resolve().parent
MANIFEST = """
system: reflected
telemetry: { access_log: none }
gateway:
  listen: <port>
  routes:
    - { path: /shop.Orders/*, to: shop, grpc: { descriptors: reflection, services: [shop.Orders] } }
    - { path: /all/*, to: shop, rewrite: /*, grpc: { descriptors: reflection } }
    - { path: "/one/{it}", to: shop, grpc: { descriptors: reflection, method: shop.Orders/Get, fields: { id: "{path.it}" } } }
contexts:
  test:
    shop: { run: "node <server>", protocol: http2, health: { tcp: true }, env: { NODE_PATH: <modules> } }
"""


class Node(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        modules = npm_cache.modules()
        cls.running = system.System(MANIFEST, modules=modules, server=HERE / "grpc_reflection_server.js").start()
        cls.addClassCleanup(cls.running.stop)

    def ask(self, method, target, body=None):
        answer = self.running.ask(method, target, [("Content-Type", "application/json")] if body else (),
                                  json.dumps(body).encode() if body else None)
        assert answer.headers.get("X-Trunkline-Cause") is None, answer.body
        return answer.status, [json.loads(line) for line in answer.body.splitlines()]

    def test_methods_come_by_reflection(self):
        status, lines = self.ask("POST", "/shop.Orders/Get", {"id": "7", "page": {"size": 5}})
        self.assertEqual(status, 200, lines)
        request = json.loads(lines[0]["request"])
        self.assertEqual((request["id"], request["page"]["size"]), ("7", 5))
        self.assertEqual(json.loads(self.ask("GET", "/one/8")[1][0]["request"])["id"], "8")

    def test_values_streams_and_errors(self):
        order = {"id": "a", "totalCents": "9007199254740993", "items": [{"sku": "b"}], "counts": {"x": 1}}
        self.assertEqual(self.ask("POST", "/all/shop.Orders/Echo", order), (200, [order]))
        self.assertEqual(self.ask("POST", "/all/shop.Orders/Watch", {"count": 3}), (200, [{"id": "0"}, {"id": "1"}, {"id": "2"}]))
        status, lines = self.ask("POST", "/all/shop.Orders/Fail", {"code": 9, "message": "not yet"})
        self.assertEqual((status, lines[0]["grpc_status"], lines[0]["detail"]), (400, "FAILED_PRECONDITION", "not yet"))
        status, lines = self.ask("POST", "/all/shop.Orders/Watch", {"count": 1, "code": 10})
        self.assertEqual((status, lines[0], lines[1]["error"]["status"]), (200, {"id": "0"}, 409))


if __name__ == "__main__":
    unittest.main()
