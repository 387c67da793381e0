"""The system that test_observe and test_commands look at, and its admin API over loopback HTTP."""
import pathlib
import re
import unittest

import system
import wire

NODE = pathlib.Path(__file__).parent / "node.py"
MANIFEST = """system: observed
telemetry: { access_log: json, access_file: access.log }
admin: { listen: <admin> }
gateway:
  listen: <port>
  routes:
    - { path: /one/*, rewrite: /*, to: one }
    - { path: /two/*, rewrite: /*, methods: [GET, POST], to: two, timeout: 7s, retry: { attempts: 2 } }
    - { path: /gone/*, to: gone }
contexts:
  first:
    one: { run: "<python> <node>", health: /, replicas: 2, calls: [two], version: "7" }
  second:
    two: { run: "<python> <node>", health: / }
    gone: { address: "127.0.0.1:<nobody>", health: { none: true } }
"""


def start():
    running = system.System(MANIFEST, node=NODE, admin=system.free_port(), nobody=system.free_port()).start()
    unittest.addModuleCleanup(running.stop)
    return running


def admin_port(running):
    return int(re.search(r"admin: \{ listen: (\d+)", running.manifest.read_text(encoding="utf-8"))[1])


def token(running):
    return (running.folder / ".trunkline/admin.token").read_text(encoding="utf-8").strip()


def admin(running, method, path, headers=None, host=None):
    """One request to the admin API, with the token unless `headers` say otherwise."""
    headers = {"Authorization": f"Bearer {token(running)}"} if headers is None else headers
    port = admin_port(running)
    return wire.ask(port, method, path, headers, host=host or f"127.0.0.1:{port}")
