"""A gateway that turns JSON into calls of gRPC, for test_grpc_json.py and test_grpc_json_streams.py: Python's gRPC as the service,
descriptors by protoc and by reflection, and a service that breaks every rule."""
import json
import pathlib
import shutil
import subprocess
import unittest

import system

try:
    import grpc
except ImportError:
    grpc = None

HERE = pathlib.Path(__file__).resolve().parent
PROTOC = shutil.which("protoc")
MANIFEST = """
system: transcoding
telemetry: { access_log: none }
grace: 3s
gateway:
  listen: <port>
  threads: 2
  limits: { body: 1MB }
  routes:
    - { path: /v1/*, to: shop, timeout: 5s, grpc: { descriptors: shop.pb, services: [shop.Orders], most: 64KB } }
    - { path: /shop.Orders/*, to: shop, timeout: 2s, grpc: { descriptors: shop.pb, defaults: true, names: proto } }
    - { path: /lax/*, to: shop, rewrite: /*, grpc: { descriptors: shop.pb, unknown: ignore } }
    - { path: "/one/{id}", to: shop, grpc: { descriptors: shop.pb, method: shop.Orders/Get } }
    - { path: "/two/{it}/{parent}", to: shop, methods: [POST], grpc: { descriptors: shop.pb, method: shop.Orders/Create, fields: { order.id: "{path.it}", order.pickup: "{header.x-place}" } } }
    - { path: /zip/*, to: shop, rewrite: /*, grpc: { descriptors: shop.pb }, policies: { compress: { least: 0B, types: ["application/*"] } } }
    - { path: /told/*, to: told, rewrite: /*, grpc: { descriptors: reflection, refresh: 1s } }
    - { path: /told1/*, to: told1, rewrite: /*, grpc: { descriptors: reflection, services: [shop.Orders] } }
    - { path: /crowd/*, to: told1, rewrite: /*, grpc: { descriptors: reflection, services: [shop.Orders], refresh: 1h } }
    - { path: /mute/*, to: shop, rewrite: /*, timeout: 3s, grpc: { descriptors: reflection } }
    - { path: /twice/*, to: twice, rewrite: /*, grpc: { descriptors: shop.pb } }
    - { path: /dead, to: dead, grpc: { descriptors: shop.pb, method: shop.Orders/Get } }
    - { path: /dead/*, to: dead, grpc: { descriptors: reflection } }
    - { path: /broken, to: broken, timeout: 1s, grpc: { descriptors: shop.pb, method: shop.Orders/Fail } }
    - { path: /brokenly, to: broken, timeout: 1s, stream_idle: 1s, grpc: { descriptors: shop.pb, method: shop.Orders/Watch } }
contexts:
  test:
    shop: { run: "<python> <service>", protocol: http2, health: { tcp: true }, env: { SET: shop.pb }, breaker: { enabled: false }, outlier: { enabled: false } }
    told: { run: "<python> <service>", protocol: http2, health: { tcp: true }, env: { SET: shop.pb, REFLECTION: v1alpha, CONTROL: . } }
    told1: { run: "<python> <service>", protocol: http2, health: { tcp: true }, env: { SET: shop.pb, REFLECTION: v1 } }
    broken: { run: "node <broken>", protocol: http2, health: { tcp: true }, breaker: { enabled: false }, outlier: { enabled: false } }
    twice: { run: "<python> <service>", protocol: http2, replicas: 2, health: { tcp: true }, env: { SET: shop.pb, UNAVAILABLE: twice-1 },
             retry: { budget: 100% }, breaker: { enabled: false }, outlier: { enabled: false } }
    dead: { address: "127.0.0.1:9", protocol: http2, health: { none: true } }
"""
JSON = [("Content-Type", "application/json")]


running = None


def start():
    """For setUpModule."""
    global running
    if grpc is None or not PROTOC or not shutil.which("node"):
        raise unittest.SkipTest("python3-grpcio, protoc or node is not installed")
    running = system.System(MANIFEST, service=HERE / "grpc_shop.py", broken=HERE / "grpc_broken.js")
    unittest.addModuleCleanup(running.stop)
    compile_set(running.folder / "shop.pb")
    running.start()


def compile_set(to, *options):
    subprocess.run([PROTOC, f"-I{HERE / 'protos'}", "--include_imports", f"--descriptor_set_out={to}", *options,
                    "shop.proto", "reflection.proto"], check=True, timeout=30)


def ask(method, target, body=None, headers=None):
    body = json.dumps(body).encode() if isinstance(body, (dict, list)) else body
    answer = running.ask(method, target, (JSON if headers is None else headers) if body else headers or (), body)
    return answer, json.loads(answer.body) if answer.body else None


def seen(method, target, body=None, headers=None):
    """What the service has seen of it: the method, and its request."""
    answer, value = ask(method, target, body, headers)
    assert answer.status == 200, value
    return value["method"], json.loads(value["request"])


def stats(base=""):
    return json.loads(ask("POST", f"{base}/shop.Orders/Stats", {})[1]["request"])
