#!/usr/bin/env python3
"""A gRPC service for test_grpc.py: raw bytes as messages, so that no compiler of .proto files is needed. On $PORT.

test.Echo/Unary    its message back; metadata x-in and x-in-bin come back as initial, x-out as trailing metadata
test.Echo/Upload   the last message of many; how many there were in the trailing metadata x-count
test.Echo/Down     its message as often as x-count says, x-pause-ms apart
test.Echo/Chat     each message back as it comes
test.Echo/Fail     ends with the status x-status, after x-count messages
test.Echo/Hang     never ends; Stats tells how many were cancelled
test.Echo/Slow     its message back, after x-pause-ms in which nothing is sent
test.Echo/Left     the seconds until its deadline, as text; "none"
test.Echo/Stats    JSON: instance, hangs, cancelled, calls
test.Echo/Through, ThroughChat   Unary and Chat of the service at $ECHO_URL

Health/Check: SERVING for test.Echo and the server as a whole, unless $CONTROL/sick-INSTANCE exists.
Environment: UNAVAILABLE=INSTANCE (its Unary of what a gateway keeps to send it again ends with UNAVAILABLE), HEALTH=none (no health protocol).
"""
import concurrent.futures
import json
import os
import pathlib
import signal
import threading
import time

import grpc

INSTANCE = os.environ.get("INSTANCE", "?")
CONTROL = os.environ.get("CONTROL", "")
stats = {"instance": INSTANCE, "hangs": 0, "cancelled": 0, "calls": 0}
lock = threading.Lock()
KEPT = 64 << 10
OPTIONS = [("grpc.max_receive_message_length", 64 << 20), ("grpc.max_send_message_length", 64 << 20)]


def count(key):
    with lock:
        stats[key] += 1


def said(context, key, otherwise=None):
    return dict(context.invocation_metadata()).get(key, otherwise)


def unary(request, context):
    count("calls")
    if os.environ.get("UNAVAILABLE") == INSTANCE and len(request) < KEPT:
        context.abort(grpc.StatusCode.UNAVAILABLE, "this instance does not serve: 100%")
    seen = [(key, value) for key, value in context.invocation_metadata() if key in ("x-in", "x-in-bin")]
    context.send_initial_metadata([("x-instance", INSTANCE), *seen])
    context.set_trailing_metadata([("x-out", "seen"), ("x-out-bin", b"\x00\xff\x01")])
    return request


def upload(requests, context):
    got, last = 0, b""
    for last in requests:
        got += 1
    context.set_trailing_metadata([("x-count", str(got))])
    return last


def down(request, context):
    for _ in range(int(said(context, "x-count", "1"))):
        yield request
        time.sleep(float(said(context, "x-pause-ms", "0")) / 1000)


def chat(requests, _context):
    yield from requests


def fail(request, context):
    for _ in range(int(said(context, "x-count", "0"))):
        yield request
    context.abort(getattr(grpc.StatusCode, said(context, "x-status").upper()), "as was asked for: \u00e4")


def hang(request, context):
    ended = threading.Event()
    context.add_callback(ended.set)
    count("hangs")
    yield request
    ended.wait(60)
    count("cancelled")


def slow(request, context):
    time.sleep(float(said(context, "x-pause-ms", "0")) / 1000)
    return request


def left(_request, context):
    remaining = context.time_remaining()
    return b"none" if remaining is None or remaining > 1e9 else str(remaining).encode()


def tell(_request, _context):
    with lock:
        return json.dumps(stats).encode()


def channel():
    return grpc.insecure_channel(os.environ["ECHO_URL"].removeprefix("http://"), OPTIONS)


def through(request, context):
    with channel() as there:
        try:
            return there.unary_unary("/test.Echo/Unary")(request, timeout=context.time_remaining() and 5)
        except grpc.RpcError as error:
            context.abort(error.code(), error.details())


def through_chat(requests, _context):
    with channel() as there:
        yield from there.stream_stream("/test.Echo/Chat")(requests)


def health(request, context):
    if request not in (b"", b"\x0a\x09test.Echo"):
        context.abort(grpc.StatusCode.NOT_FOUND, "no such service")
    sick = CONTROL and pathlib.Path(CONTROL, f"sick-{INSTANCE}").exists()
    return b"\x08\x02" if sick else b"\x08\x01"


def main():
    echo = {"Unary": grpc.unary_unary_rpc_method_handler(unary),
            "Upload": grpc.stream_unary_rpc_method_handler(upload),
            "Down": grpc.unary_stream_rpc_method_handler(down),
            "Chat": grpc.stream_stream_rpc_method_handler(chat),
            "Fail": grpc.unary_stream_rpc_method_handler(fail),
            "Hang": grpc.unary_stream_rpc_method_handler(hang),
            "Slow": grpc.unary_unary_rpc_method_handler(slow),
            "Left": grpc.unary_unary_rpc_method_handler(left),
            "Stats": grpc.unary_unary_rpc_method_handler(tell),
            "Through": grpc.unary_unary_rpc_method_handler(through),
            "ThroughChat": grpc.stream_stream_rpc_method_handler(through_chat)}
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(32), options=OPTIONS)
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("test.Echo", echo)])
    if os.environ.get("HEALTH") != "none":
        check = {"Check": grpc.unary_unary_rpc_method_handler(health)}
        server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("grpc.health.v1.Health", check)])
    server.add_insecure_port(f"127.0.0.1:{os.environ['PORT']}")
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    server.start()
    stop.wait()
    server.stop(3).wait()


if __name__ == "__main__":
    main()
