# deadline: 300
"""gRPC with Node's client (@grpc/grpc-js) and a server in Node, and crosswise a server in Python."""
import importlib.util
import pathlib
import unittest

import npm_cache
import system

HERE = pathlib.Path(__file__).resolve().parent
CLIENT = HERE / "grpc_client.js"
MANIFEST = """
system: calls-node
telemetry: { access_log: none }
grace: 5s
gateway:
  listen: <port>
  threads: 1
  routes:
    - { path: /test.Echo/*, to: echo }
contexts:
  test:
    echo: { <run>, protocol: http2, replicas: 2, health: <health>, retry: { methods: [POST], budget: 100% },
            breaker: { enabled: false }, outlier: { enabled: false } }
"""


class Calls:
    run = health = ""

    @classmethod
    def setUpClass(cls):
        modules = npm_cache.modules()
        manifest = MANIFEST.replace("<run>", cls.run).replace("<health>", cls.health)
        cls.running = system.System(manifest, modules=modules, server=HERE / "grpc_server.js",
                                    service=HERE / "grpc_service.py").start()
        cls.addClassCleanup(cls.running.stop)

    def ask(self, scenario):
        return npm_cache.run(CLIENT, self.running.port, scenario)

    def test_unary_and_its_trailers(self):
        told = self.ask("unary")
        self.assertEqual((told["code"], told["text"], told["trailers"]["x-out"]), (0, "hello", "seen"))

    def test_messages_of_10_mb(self):
        self.assertEqual(self.ask("large"), {"code": 0, "same": True})

    def test_client_streaming(self):
        told = self.ask("upload")
        self.assertEqual((told["code"], told["text"], told["trailers"]["x-count"]), (0, "99", "100"))

    def test_server_streaming(self):
        told = self.ask("down")
        self.assertEqual((told["code"], told["texts"]), (0, ["x"] * 50))

    def test_bidirectional_streaming_message_by_message(self):
        self.assertEqual(self.ask("chat"), {"texts": [str(i) for i in range(20)], "code": 0})

    def test_a_status_of_the_service(self):
        told = self.ask("fail")
        self.assertEqual((told["code"], told["texts"]), (6, []))
        self.assertTrue(told["details"].startswith("as was asked for"), told)

    def test_cancel_and_deadline(self):
        self.assertEqual(self.ask("cancel")["code"], 1)
        self.assertEqual(self.ask("deadline")["code"], 4)

    def test_a_refusal_of_our_own(self):
        told = self.ask("refused")
        self.assertEqual((told["code"], told["cause"]), (12, "no_route"))
        self.assertIn("no route of", told["details"])


class NodeServer(Calls, unittest.TestCase):
    run = 'run: "node <server>", env: { NODE_PATH: <modules> }'
    health = "{ tcp: true }"


@unittest.skipUnless(importlib.util.find_spec("grpc"), "python3-grpcio is not installed")
class PythonServer(Calls, unittest.TestCase):
    run = 'run: "<python> <service>", env: { UNAVAILABLE: echo-1 }'
    health = "{ grpc: true }"

    def test_unavailable_is_tried_again(self):
        # grpc-js sends head, message and end one after the other: what came of the body is sent again as a whole.
        self.assertEqual(self.ask("retried")["codes"], [0] * 20)


if __name__ == "__main__":
    unittest.main()
