# deadline: 240
"""gRPC with Python's client and server through the real binary: all four kinds, both ways of metadata, cancellation,
deadlines, large messages, statuses of our own, retries, health, drains; from the gateway and from service to service."""
import concurrent.futures
import json
import os
import pathlib
import queue
import socket
import threading
import time
import unittest

import system
import wire

try:
    import grpc
except ImportError:
    grpc = None

SERVICE = pathlib.Path(__file__).resolve().parent / "grpc_service.py"
MANIFEST = """
system: calls
telemetry: { access_log: none }
grace: 5s
gateway:
  listen: <port>
  threads: 1
  limits: { body: 12MB }
  timeouts: { body: 1s }
  routes:
    - { path: /test.Echo/Through, to: front }
    - { path: /test.Echo/ThroughChat, to: front }
    - { path: /test.Echo/Slow, to: echo, timeout: 500ms }
    - { path: /test.Echo/Left, to: echo, timeout: 30s }
    - { path: /test.Echo/*, to: echo, timeout: 5s }
    - { path: /test.Lone/Unary, to: lone, rewrite: /test.Echo/Unary }
    - { path: /test.Late/Fail, to: late, rewrite: /test.Echo/Fail }
    - { path: /test.Dead/Unary, to: dead }
    - { path: /test.Broken/Unary, to: plain, rewrite: /echo }
contexts:
  test:
    echo:
      run: "<python> <service>"
      protocol: http2
      replicas: 2
      health: { grpc: test.Echo, interval: 100ms }
      retry: { methods: [POST], on: [unsent, unavailable], budget: 100% }
      breaker: { enabled: false }
      outlier: { enabled: false }
      env: { UNAVAILABLE: echo-1, CONTROL: <control> }
    lone:
      run: "<python> <service>"
      protocol: http2
      health: { grpc: true }
      env: { UNAVAILABLE: lone-1 }
    late: { run: "<python> <service>", protocol: http2, health: { grpc: true }, outlier: { enabled: false } }
    front:
      run: "<python> <service>"
      protocol: http2
      health: { grpc: true }
      calls: [echo]
    plain: { run: "<python> <kit>", protocol: http1, health: /healthz }
    dead: { address: "127.0.0.1:9", protocol: http2, health: { none: true } }
"""
OPTIONS = [("grpc.max_receive_message_length", 64 << 20), ("grpc.max_send_message_length", 64 << 20)]


def setUpModule():
    global running, channel
    if grpc is None:
        raise unittest.SkipTest("python3-grpcio is not installed")
    running = system.System(MANIFEST, service=SERVICE, kit=SERVICE.parent.parent / "kit/service.py",
                            control="/nonexistent").start()
    unittest.addModuleCleanup(running.stop)
    channel = grpc.insecure_channel(f"127.0.0.1:{running.port}", OPTIONS)
    unittest.addModuleCleanup(channel.close)


def unary(method, message=b"hello", timeout=10, metadata=(), on=None):
    return (on or channel).unary_unary(f"/test.Echo/{method}")(message, timeout=timeout, metadata=metadata)


def stats():
    """Of both instances of echo, by instance; asked until both have answered."""
    found = {}

    def both():
        told = json.loads(unary("Stats"))
        found[told["instance"]] = told
        return len(found) == 2
    wire.wait_until(both, 10, "both instances to answer")
    return found


def metrics():
    with socket.socket(socket.AF_UNIX) as admin:
        admin.settimeout(10)
        admin.connect(str(running.folder / ".trunkline/admin.sock"))
        admin.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return admin.makefile("rb").read().decode()


def failure(call):
    """The error of a call that must fail."""
    try:
        call()
    except grpc.RpcError as error:
        return error
    raise AssertionError("the call did not fail")


class Kinds(unittest.TestCase):
    def test_unary_with_metadata_both_ways(self):
        answer, call = channel.unary_unary("/test.Echo/Unary").with_call(
            b"hello", timeout=10, metadata=[("x-in", "a value"), ("x-in-bin", b"\x00\x80\xff")])
        self.assertEqual(answer, b"hello")
        initial, trailing = dict(call.initial_metadata()), dict(call.trailing_metadata())
        self.assertEqual((initial["x-in"], initial["x-in-bin"]), ("a value", b"\x00\x80\xff"))
        self.assertEqual((trailing["x-out"], trailing["x-out-bin"]), ("seen", b"\x00\xff\x01"))
        self.assertIn("x-trace-id", initial)

    def test_client_streaming(self):
        answer, call = channel.stream_unary("/test.Echo/Upload").with_call(
            iter([b"%d" % i for i in range(1000)]), timeout=20)
        self.assertEqual((answer, dict(call.trailing_metadata())["x-count"]), (b"999", "1000"))

    def test_server_streaming_delivers_each_message_at_once(self):
        arrived = []
        for message in channel.unary_stream("/test.Echo/Down")(
                b"x", timeout=20, metadata=[("x-count", "4"), ("x-pause-ms", "300")]):
            arrived.append((message, time.monotonic()))
        self.assertEqual([message for message, _ in arrived], [b"x"] * 4)
        self.assertGreater(arrived[-1][1] - arrived[0][1], 0.45, "messages were held back")

    def test_bidirectional_streaming_delivers_each_message_at_once_both_ways(self):
        for method in ("Chat", "ThroughChat"):
            with self.subTest(method):
                to_send = queue.Queue()
                answers = channel.stream_stream(f"/test.Echo/{method}")(iter(to_send.get, None), timeout=30)
                for i in range(20):  # the next is only sent when the last one has come back
                    to_send.put(b"message %d" % i)
                    self.assertEqual(next(answers), b"message %d" % i)
                to_send.put(None)
                self.assertEqual(list(answers), [])
                self.assertEqual(answers.code(), grpc.StatusCode.OK)

    def test_a_client_may_be_silent_for_longer_than_a_body_may(self):
        to_send = queue.Queue()
        answers = channel.stream_stream("/test.Echo/Chat")(iter(to_send.get, None), timeout=30)
        for pause in (1.5, 1.5, 0):  # before the answer has begun, and after: timeouts.body is 1s
            threading.Event().wait(pause)
            to_send.put(b"still here")
            self.assertEqual(next(answers), b"still here")
        to_send.put(None)
        self.assertEqual(list(answers), [])

    def test_messages_of_10_mb_and_a_stream_of_any_length(self):
        large = bytes(range(256)) * 40_000
        self.assertEqual(unary("Unary", large, timeout=60), large)
        answer, call = channel.stream_unary("/test.Echo/Upload").with_call(iter([large] * 3), timeout=60)
        self.assertEqual((answer == large, dict(call.trailing_metadata())["x-count"]), (True, "3"))

    def test_from_service_to_service(self):
        self.assertEqual(unary("Through", b"on and on"), b"on and on")


class Ends(unittest.TestCase):
    def test_a_status_comes_with_and_without_messages(self):
        for count in ("0", "2"):
            for status in ("not_found", "resource_exhausted", "data_loss"):
                with self.subTest(count=count, status=status):
                    answers = channel.unary_stream("/test.Echo/Fail")(
                        b"x", timeout=10, metadata=[("x-count", count), ("x-status", status)])
                    got = []
                    error = failure(lambda: got.extend(iter(answers.__next__, None)))
                    self.assertEqual(error.code(), getattr(grpc.StatusCode, status.upper()))
                    self.assertEqual((error.details(), len(got)), ("as was asked for: \u00e4", int(count)))

    def test_a_client_that_cancels_is_told_to_the_service(self):
        before = sum(one["cancelled"] for one in stats().values())
        answers = channel.unary_stream("/test.Echo/Hang")(b"x", timeout=30)
        next(answers)
        answers.cancel()
        wire.wait_until(lambda: sum(one["cancelled"] for one in stats().values()) > before, 10, "the cancel to arrive")

    def test_a_deadline_is_told_and_reduced(self):
        told = float(unary("Left", timeout=3))
        self.assertLess(told, 3.1)  # the server's library adds a moment of its own
        self.assertGreater(told, 0.5)
        self.assertEqual(channel.unary_unary("/test.Echo/Left")(b""), b"none")
        # A deadline is the call's; the route's timeout bounds the wait for the answer and is not told as one.
        self.assertGreater(float(unary("Left", timeout=100)), 60)

    def test_a_deadline_that_passes_ends_the_call_here_too(self):
        before = sum(one["cancelled"] for one in stats().values())
        answers = channel.unary_stream("/test.Echo/Hang")(b"x", timeout=1)
        next(answers)
        self.assertEqual(failure(lambda: next(answers)).code(), grpc.StatusCode.DEADLINE_EXCEEDED)
        wire.wait_until(lambda: sum(one["cancelled"] for one in stats().values()) > before, 10, "the service to know")


class Refusals(unittest.TestCase):
    @staticmethod
    def refused(method, **options):
        error = failure(lambda: channel.unary_unary(method)(b"x", timeout=10, **options))
        trailing = {**dict(error.initial_metadata() or ()), **dict(error.trailing_metadata() or ())}
        return error.code().name, trailing.get("x-trunkline-cause"), error.details(), trailing

    def test_no_route_is_unimplemented(self):
        code, cause, details, trailing = self.refused("/nobody.Knows/It")
        self.assertEqual((code, cause), ("UNIMPLEMENTED", "no_route"))
        self.assertIn("no route of", details)
        self.assertRegex(trailing["x-trace-id"], "^[0-9a-f]{32}$")

    def test_a_dead_service_is_unavailable(self):
        code, cause, _, _ = self.refused("/test.Dead/Unary")
        self.assertEqual((code, cause), ("UNAVAILABLE", "upstream_connect_failed"))

    def test_a_message_that_is_too_large_is_resource_exhausted(self):
        error = failure(lambda: unary("Unary", bytes(13 << 20), timeout=30))
        self.assertEqual(error.code(), grpc.StatusCode.RESOURCE_EXHAUSTED, error.details())

    def test_a_route_that_times_out_is_deadline_exceeded(self):
        code, cause, _, _ = self.refused("/test.Echo/Slow", metadata=[("x-pause-ms", "3000")])
        self.assertEqual((code, cause), ("DEADLINE_EXCEEDED", "upstream_timeout"))

    def test_an_error_that_is_no_grpc_passes_as_it_is(self):
        # The specification says what a client makes of an HTTP status.
        code, cause, _, _ = self.refused("/test.Broken/Unary")
        self.assertIn(code, ("UNKNOWN", "UNIMPLEMENTED", "INTERNAL"))
        self.assertIsNone(cause)

    def test_what_has_ended_is_known_by_its_status(self):
        error = failure(lambda: channel.unary_unary("/test.Lone/Unary")(b"x", timeout=10))
        self.assertEqual((error.code(), error.details()),
                         (grpc.StatusCode.UNAVAILABLE, "this instance does not serve: 100%"))
        page = metrics()
        self.assertRegex(page, r'trunkline_grpc_requests_total\{[^}]*service="lone",grpc_status="unavailable"\} [1-9]')
        self.assertRegex(page, r'trunkline_requests_total\{[^}]*service="lone",code="5xx"\} [1-9]')


class Instances(unittest.TestCase):
    def test_unavailable_is_tried_again_elsewhere_where_that_is_declared(self):
        before = stats()["echo-1"]["calls"]
        for _ in range(20):
            self.assertEqual(unary("Unary"), b"hello")
        self.assertGreater(stats()["echo-1"]["calls"], before, "the instance that fails was never asked")

    def test_calls_that_fail_behind_their_first_message_open_the_breaker(self):
        def fails():
            call = channel.unary_stream("/test.Late/Fail")(
                b"hello", timeout=10, metadata=(("x-count", "1"), ("x-status", "unavailable")))
            return failure(lambda: list(call))
        errors = [fails() for _ in range(60)]
        self.assertEqual(errors[0].details(), "as was asked for: \u00e4")
        last = {**dict(errors[-1].initial_metadata() or ()), **dict(errors[-1].trailing_metadata() or ())}
        self.assertEqual(last.get("x-trunkline-cause"), "circuit_open")

    def test_health_is_asked_by_the_protocol(self):
        told = running.json("services")
        entries = {s["name"]: s for s in (told["services"] if isinstance(told, dict) else told)}
        said = [instance["last_probe"] for instance in entries["echo"]["instances"]]
        self.assertEqual(said, ["the gRPC health check said SERVING"] * 2)

    def test_z_a_restart_under_load_fails_no_call(self):
        """Named so that it comes last: afterwards the instances have other numbers."""
        stop = threading.Event()
        failures, done = [], []

        def call():
            with grpc.insecure_channel(f"127.0.0.1:{running.port}", OPTIONS) as own:
                while not stop.is_set():
                    try:
                        unary("Unary", on=own)
                        list(own.stream_stream("/test.Echo/Chat")(iter([b"a", b"b"]), timeout=10))
                        done.append(1)
                    except grpc.RpcError as error:
                        failures.append(str(error))
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            for _ in range(4):
                pool.submit(call)
            try:
                wire.wait_until(lambda: len(done) > 20, 20, "calls to go through")
                restarted = running.cli("restart", "echo", timeout=60)
            finally:
                stop.set()
        self.assertEqual(restarted.returncode, 0, restarted.stdout + restarted.stderr)
        self.assertEqual(failures, [])
        self.assertGreater(len(done), 20)


class Unwell(unittest.TestCase):
    """What `services` says of instances that the health protocol does not call well."""
    MANIFEST = """
system: unwell
telemetry: { access_log: none }
grace: 5s
gateway: { listen: <port> }
contexts:
  test:
    sick: { run: "<python> <service>", protocol: http2, health: { grpc: test.Echo, interval: 100ms }, env: { CONTROL: . } }
    mute: { run: "<python> <service>", protocol: http2, health: { grpc: true, interval: 100ms }, env: { HEALTH: none } }
    other: { run: "<python> <service>", protocol: http2, health: { grpc: not.Here, interval: 100ms } }
"""

    def test_the_reason_is_told(self):
        unwell = system.System(self.MANIFEST, files={"sick-sick-1": ""}, service=SERVICE)
        unwell.start(ready=False)
        self.addCleanup(unwell.stop)
        wanted = {"sick": "said NOT_SERVING", "mute": "is not implemented there", "other": "ended not_found"}

        def told():
            answer = unwell.cli("services", "--json")
            if answer.returncode != 0:
                return False
            found = json.loads(answer.stdout)
            entries = {s["name"]: s for s in (found["services"] if isinstance(found, dict) else found)}
            probes = {name: [i["last_probe"] for i in entries[name]["instances"]] for name in wanted}
            return all(probes[name] and wanted[name] in probes[name][0] for name in wanted)
        wire.wait_until(told, 20, f"the reasons {wanted}; it said:\n{unwell.output()}")
        os.remove(unwell.folder / "sick-sick-1")

        def well():
            found = json.loads(unwell.cli("services", "--json").stdout)
            entries = {s["name"]: s for s in (found["services"] if isinstance(found, dict) else found)}
            return entries["sick"]["state"] == "healthy" and entries["mute"]["state"] != "healthy"
        wire.wait_until(well, 20, "the service to be well")


if __name__ == "__main__":
    unittest.main()
