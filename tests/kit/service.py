#!/usr/bin/env python3
"""A service for tests: HTTP/1.1 on $PORT, a thread a connection, with misbehaviour on demand. Run as a program.

GET  /healthz              200; 503 while $CONTROL/unhealthy-SERVICE or unhealthy-INSTANCE exists
GET  /echo?n=7             {"n", "instance", "version", "pid", "path", "headers"}
GET  /slow?ms=500          the same, that much later
GET  /stream?pieces=5&seconds=1&n=7   chunked: lines "7 0 of 5", spread over the time
POST /body                 {"length", "sha256", ...} of what came, with a length or chunked
GET  /big?bytes=1000000    so many bytes of a pattern, their sha256 in X-Sha256
GET  /ws                   a WebSocket that sends every text message back
GET  /crash?code=3         ends the process instead of answering
GET  /call?url=...&ms=500  waits, asks there (by HTTP_PROXY if that is a name), tells status and body

Environment: HEALTH=bad (always 503), FLAKY=0.5 (that share of probes answers 500), CRASH_AT_START=3 (exit code),
START_DELAY=0.5 (seconds), STUBBORN=1 (ignores SIGTERM), GRANDCHILD=1 (leaves a daemon behind, forked twice),
FLOOD=1 (writes a log line for every request). Every answer carries X-Instance and X-Pid.
"""
import base64
import functools
import hashlib
import json
import os
import random
import signal
import socket
import struct
import sys
import threading
import time
import urllib.parse

INSTANCE = os.environ.get("INSTANCE", "?")
SERVICE = os.environ.get("SERVICE", "?")
VERSION = os.environ.get("VERSION", "?")
CONTROL = os.environ.get("CONTROL", "")
IDENTITY = f"X-Instance: {INSTANCE}\r\nX-Pid: {os.getpid()}\r\n"
WEBSOCKET_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

active = 0
active_lock = threading.Lock()
stopping = threading.Event()


class Gone(Exception):
    """The peer closed the connection."""


class Stop(Exception):
    """SIGTERM came."""


class Request:
    def __init__(self, stream, sock):
        self.stream, self.sock = stream, sock
        line = stream.readline(65536)
        if not line:
            raise Gone
        self.method, target, _ = line.decode("latin-1").split(" ", 2)
        if not target.startswith("/"):
            target = "/" + target.split("/", 3)[3]
        self.path, _, query = target.partition("?")
        self.query = dict(urllib.parse.parse_qsl(query))
        self.headers = {}
        while (line := stream.readline(65536)) not in (b"\r\n", b""):
            name, _, value = line.decode("latin-1").partition(":")
            self.headers[name.strip().lower()] = value.strip()

    def pieces(self):
        """The body, as it comes."""
        if self.headers.get("expect", "").lower() == "100-continue":
            self.sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if self.headers.get("transfer-encoding", "").lower() == "chunked":
            while size := int(self.stream.readline(), 16):
                yield self._exactly(size)
                self.stream.readline()
            while self.stream.readline() not in (b"\r\n", b""):
                pass
        else:
            left = int(self.headers.get("content-length", "0"))
            while left > 0:
                piece = self._exactly(min(left, 65536))
                left -= len(piece)
                yield piece

    def _exactly(self, size):
        data = self.stream.read(size)
        if len(data) != size:
            raise Gone
        return data

    def answer(self, status, body, extra="", kind="application/json"):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        head = (f"HTTP/1.1 {status} X\r\n{IDENTITY}{extra}Content-Type: {kind}\r\n"
                f"Content-Length: {len(data)}\r\n\r\n").encode()
        # One write, so that a process that is killed has sent all of an answer or nothing.
        self.sock.sendall(head + (b"" if self.method == "HEAD" else data))


def echo(request):
    for _ in request.pieces():  # what stays unread would be taken for the next request
        pass
    request.answer(200, {"n": request.query.get("n"), "instance": INSTANCE, "service": SERVICE, "version": VERSION,
                         "pid": os.getpid(), "path": request.path, "headers": request.headers,
                         "flavour": os.environ.get("FLAVOUR")})


def health(request):
    told = any(os.path.exists(f"{CONTROL}/unhealthy-{name}") for name in (SERVICE, INSTANCE)) if CONTROL else False
    if told or os.environ.get("HEALTH") == "bad":
        request.answer(503, {"status": "told to be unhealthy"})
    elif random.random() < float(os.environ.get("FLAKY", "0")):
        request.answer(500, {"status": "flaky"})
    else:
        request.answer(200, {"status": "fine"})


def slow(request):
    time.sleep(float(request.query.get("ms", "100")) / 1000)
    echo(request)


def stream(request):
    pieces, seconds = int(request.query.get("pieces", "5")), float(request.query.get("seconds", "1"))
    name = request.query.get("n", "")
    request.sock.sendall(f"HTTP/1.1 200 OK\r\n{IDENTITY}Content-Type: text/plain\r\n"
                         "Transfer-Encoding: chunked\r\n\r\n".encode())
    for i in range(pieces):
        time.sleep(seconds / pieces)
        line = f"{name} {i} of {pieces}\n".encode()
        request.sock.sendall(b"%x\r\n%s\r\n" % (len(line), line))
    request.sock.sendall(b"0\r\n\r\n")


def body(request):
    digest, length = hashlib.sha256(), 0
    for piece in request.pieces():
        digest.update(piece)
        length += len(piece)
    request.answer(200, {"length": length, "sha256": digest.hexdigest(), "instance": INSTANCE, "pid": os.getpid(),
                         "n": request.query.get("n")})


pattern_lock = threading.Lock()


@functools.cache
def pattern(size):
    data = (b"0123456789abcdef" * (size // 16 + 1))[:size]
    return data, hashlib.sha256(data).hexdigest()


def big(request):
    with pattern_lock:
        data, digest = pattern(int(request.query.get("bytes", "1000000")))
    request.sock.sendall(f"HTTP/1.1 200 OK\r\n{IDENTITY}X-Sha256: {digest}\r\nContent-Length: {len(data)}\r\n\r\n".encode())
    request.sock.sendall(data)


def crash(request):
    print(f"crashing as told, with exit code {request.query.get('code', '3')}", flush=True)
    os._exit(int(request.query.get("code", "3")))


def call(request):
    import urllib.error
    import urllib.request
    time.sleep(float(request.query.get("ms", "0")) / 1000)
    try:
        with urllib.request.urlopen(request.query["url"], timeout=10) as answer:
            told = {"status": answer.status, "body": answer.read().decode()}
    except urllib.error.HTTPError as error:
        told = {"status": error.code, "body": error.read().decode()}
    except OSError as error:
        told = {"status": 0, "body": str(error)}
    request.answer(200, told)


def websocket(request):
    accept = hashlib.sha1((request.headers.get("sec-websocket-key", "") + WEBSOCKET_GUID).encode()).digest()
    request.sock.sendall(("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" + IDENTITY +
                          f"Sec-WebSocket-Accept: {base64.b64encode(accept).decode()}\r\n\r\n").encode())
    while True:
        first, second = request._exactly(2)
        size = second & 0x7F
        if size == 126:
            size = struct.unpack(">H", request._exactly(2))[0]
        mask = request._exactly(4)
        data = bytes(byte ^ mask[i % 4] for i, byte in enumerate(request._exactly(size)))
        length = bytes([len(data)]) if len(data) < 126 else b"\x7e" + struct.pack(">H", len(data))
        request.sock.sendall(bytes([first]) + length + data)
        if first & 0x0F == 8:
            raise Gone


HANDLERS = {"/healthz": health, "/echo": echo, "/slow": slow, "/stream": stream, "/body": body, "/big": big,
            "/crash": crash, "/ws": websocket, "/call": call}


def serve(sock):
    global active
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with sock, sock.makefile("rb") as stream_in:
        try:
            while not stopping.is_set():
                request = Request(stream_in, sock)
                with active_lock:
                    active += 1
                try:
                    HANDLERS.get(request.path, echo)(request)
                    if os.environ.get("FLOOD"):
                        print(f"{request.method} {request.path} " + "x" * 400, flush=True)
                finally:
                    with active_lock:
                        active -= 1
        except (Gone, OSError, ValueError):
            pass


def leave_a_daemon():
    """A process that has left its parent, its session and its group: only its environment tells whose it is."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(600)
        os._exit(0)
    os.wait()


def on_term(_number, _frame):
    raise Stop


def main():
    if os.environ.get("GRANDCHILD"):
        leave_a_daemon()
    if os.environ.get("CRASH_AT_START"):
        print("cannot open the database: told so", file=sys.stderr, flush=True)
        sys.exit(int(os.environ["CRASH_AT_START"]))
    time.sleep(float(os.environ.get("START_DELAY", "0")))
    signal.signal(signal.SIGTERM, signal.SIG_IGN if os.environ.get("STUBBORN") else on_term)
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((os.environ.get("HOST", "127.0.0.1"), int(os.environ["PORT"])))
    listener.listen(1024)  # tests open hundreds of connections in a moment
    print(f"{INSTANCE} version {VERSION} listens", flush=True)
    try:
        while True:
            sock, _ = listener.accept()
            threading.Thread(target=serve, args=(sock,), daemon=True).start()
    except Stop:
        stopping.set()
        listener.close()
    end = time.monotonic() + 5
    while active and time.monotonic() < end:
        time.sleep(0.005)
    print(f"{INSTANCE} stops, {active} requests open", flush=True)
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
