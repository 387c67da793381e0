"""The gateway that the HTTP/1.1 tests talk to: everything goes to one backend that records."""
import unittest

import system
import wire

MANIFEST = """
system: conform
mode: development
telemetry: { access_log: none }
gateway:
  listen: <port>
  threads: 2
  limits: { body: 64MB, connections: 100 }
  routes:
    - { path: /*, to: backend }
contexts:
  test:
    backend: { address: "127.0.0.1:<backend>" }
"""
H = "Host: conform.test\r\n"
# A body in chunks; "~" stands for the path.
CHUNKED = f"POST ~ HTTP/1.1\r\n{H}Transfer-Encoding: chunked\r\n\r\n"


def start(manifest, backend):
    """A system in front of `backend`, for the rest of the test file."""
    running = system.System(manifest, backend=backend.port).start()
    unittest.addModuleCleanup(running.stop)
    return running


def start_backend():
    backend = wire.Backend()
    unittest.addModuleCleanup(backend.close)
    return backend


def refused_answer(client):
    """The answer to what was refused: whole, a problem, and the end of the connection."""
    answer = client.response()
    assert answer.headers.get("content-type") == "application/problem+json", answer
    assert answer.headers.get("connection") == "close", answer
    return answer
