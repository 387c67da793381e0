#!/usr/bin/env python3
"""shop.Orders of protos/shop.proto for test_grpc_json.py, by Python's gRPC, on $PORT. $SET is the descriptor set.

Most methods answer with what they have seen. Watch, Fail and Left do what their request (a Script) says; Stats tells how many
calls hang and how many of them were cancelled. UNAVAILABLE=INSTANCE: that one does not serve. REFLECTION=v1 or v1alpha: says its descriptors, one file an answer; $CONTROL/dumb: not now.
"""
import concurrent.futures
import json
import os
import pathlib
import signal
import threading
import time

import grpc
from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, empty_pb2, json_format, message_factory

SET = descriptor_pb2.FileDescriptorSet.FromString(pathlib.Path(os.environ["SET"]).read_bytes())
POOL = descriptor_pool.DescriptorPool()
for one in SET.file:
    POOL.Add(one)
FACTORY = message_factory.MessageFactory(POOL)
stats = {"hangs": 0, "cancelled": 0, "reflections": 0, "sent": 0}
lock = threading.Lock()


def message(name):
    return FACTORY.GetPrototype(POOL.FindMessageTypeByName(name))


Order, Seen, Found, Script = (message(f"shop.{name}") for name in ("Order", "Seen", "Found", "Script"))
Status = None


def count(key):
    with lock:
        stats[key] += 1


def seen(name):
    def act(request, context):
        if os.environ.get("UNAVAILABLE") == os.environ.get("INSTANCE", "?"):
            context.abort(grpc.StatusCode.UNAVAILABLE, "this instance does not serve")
        metadata = {key: value for key, value in context.invocation_metadata() if isinstance(value, str)}
        context.send_initial_metadata([("x-service", "shop")])
        context.set_trailing_metadata([("x-trailing", "t")])
        return Seen(method=name, request=json_format.MessageToJson(request, indent=None), metadata=metadata)
    return act


def varint(number):
    out = b""
    while number >= 0x80:
        out, number = out + bytes([number & 0x7f | 0x80]), number >> 7
    return out + bytes([number])


def field(number, data):
    return varint(number << 3 | 2) + varint(len(data)) + data


def details():
    """A google.rpc.Status with what it says of a bad request, of a retry, and of something that nobody knows."""
    violation = field(1, b"items[0].sku") + field(2, b"is sold out")
    known = [("google.rpc.BadRequest", field(1, violation)), ("google.rpc.RetryInfo", field(1, b"\x08\x02\x10\x80\xca\xb5\xee\x01")),
             ("nowhere.Type", b"\x00\xff"), ("shop.Page", field(2, b"next"))]
    return b"".join(field(3, any_pb2.Any(type_url="type.googleapis.com/" + name, value=data).SerializeToString())
                    for name, data in known)


def end(script, context):
    if script.hang:
        ended = threading.Event()
        context.add_callback(ended.set)
        count("hangs")
        ended.wait(30)
        count("cancelled")
    if script.details:
        context.set_trailing_metadata([("grpc-status-details-bin", b"\x08" + varint(script.code) + details())])
    if script.code:
        code = next(one for one in grpc.StatusCode if one.value[0] == script.code)
        context.abort(code, script.message)


def watch(script, context):
    for number in range(script.count):
        if number and script.pause_ms:
            time.sleep(script.pause_ms / 1000)
        yield Order(id=str(number), tags=["x" * script.size] if script.size else [])
        count("sent")
    end(script, context)


def fail(script, context):
    time.sleep(script.pause_ms / 1000)
    end(script, context)
    return Order(id="fine", tags=["x" * script.size])


def left(_script, context):
    remaining = context.time_remaining()
    return Seen(request="none" if remaining is None or remaining > 1e9 else str(remaining))


def tell(_request, _context):
    with lock:
        return Seen(request=json.dumps(stats))


def find(request, _context):
    return Found(orders=[Order(id=str(number)) for number in request.numbers], next="n")


def reflect(requests, context):
    response = message("reflection.Response")
    control = pathlib.Path(os.environ.get("CONTROL", "/nonexistent"))
    for request in requests:
        count("reflections")
        if (control / "dumb").exists():
            context.abort(grpc.StatusCode.UNAVAILABLE, "not now")
        names = {file.name: file for file in SET.file if file.name != "reflection.proto"}
        answer = response(original_request=request)
        if request.WhichOneof("what") == "list_services":
            answer.list_services_response.service.add(name="shop.Orders")
            answer.list_services_response.service.add(name="grpc.reflection.v1alpha.ServerReflection")
        elif request.file_by_filename in names:
            answer.file_descriptor_response.file_descriptor_proto.append(names[request.file_by_filename].SerializeToString())
        elif request.file_containing_symbol == "shop.Orders":
            answer.file_descriptor_response.file_descriptor_proto.append(names["shop.proto"].SerializeToString())
        else:
            answer.error_response.error_code = 5
            answer.error_response.error_message = f"there is no {request.file_containing_symbol or request.file_by_filename}"
        yield answer


def unary(act, request):
    return grpc.unary_unary_rpc_method_handler(act, message(request).FromString, lambda one: one.SerializeToString())


def main():
    orders = {name: unary(seen(name), f"shop.{request}") for name, request in (
        ("Get", "GetRequest"), ("Create", "CreateRequest"), ("Replace", "Order"), ("Change", "CreateRequest"),
        ("Purge", "GetRequest"))}
    orders |= {"Delete": unary(lambda *_: empty_pb2.Empty(), "shop.GetRequest"), "Find": unary(find, "shop.GetRequest"),
               "Echo": unary(lambda order, _: order, "shop.Order"), "Fail": unary(fail, "shop.Script"),
               "Left": unary(left, "shop.Script"), "Stats": unary(tell, "google.protobuf.Empty"),
               "Watch": grpc.unary_stream_rpc_method_handler(watch, Script.FromString, lambda one: one.SerializeToString())}
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(32))
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("shop.Orders", orders)])
    version = os.environ.get("REFLECTION")
    if version:
        info = grpc.stream_stream_rpc_method_handler(reflect, message("reflection.Request").FromString,
                                                     lambda one: one.SerializeToString())
        server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(
            f"grpc.reflection.{version}.ServerReflection", {"ServerReflectionInfo": info})])
    server.add_insecure_port(f"127.0.0.1:{os.environ['PORT']}")
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    server.start()
    stop.wait()
    server.stop(1).wait()


if __name__ == "__main__":
    main()
