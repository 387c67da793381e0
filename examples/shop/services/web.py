"""A small HTTP/1.1 server and client for the shop's Python services, on the standard library.

It gives a service four things: routes, JSON in and out, problem replies (RFC 9457), and an exact
stop: on SIGTERM no new connection is taken, idle keep-alive connections are closed at once,
requests in flight are answered with `Connection: close`, then the process exits with 0.
It knows nothing of Trunkline: the port and the addresses of other services come as PORT and
<NAME>_URL in the environment. It must not be used as an Internet-facing server: it leaves
TLS, limits by client and the like to the gateway in front.
"""
import http.client
import http.server
import json
import os
import re
import select
import signal
import socketserver
import sys
import threading
import time
import urllib.parse

MAX_BODY = 64 * 1024
MAX_DISCARD = 1024 * 1024
MAX_CONNECTIONS = 512
IDLE_SECONDS = 75
READ_SECONDS = 10
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
# W3C Trace Context: who calls on behalf of a request passes these on unchanged. This is all a
# service has to do to be part of a trace.
TRACE_HEADERS = ("traceparent", "tracestate", "x-request-id")


class Problem(Exception):
    """A reply that says what is wrong: `code` for programs, `detail` for people."""

    def __init__(self, status, code, detail, **more):
        super().__init__(detail)
        self.status, self.code, self.detail, self.more = status, code, detail, more

    def body(self):
        title = http.client.responses.get(self.status, "Error")
        return {"type": "about:blank", "title": title, "status": self.status,
                "code": self.code, "detail": self.detail, **self.more}


class Reply:
    """A finished answer; `body` is anything that JSON can say."""

    def __init__(self, body, status=200, headers=None, content_type="application/json"):
        self.body, self.status, self.headers = body, status, headers or {}
        self.content_type = content_type


class Stream:
    """An answer that is produced piece by piece; sent chunked. `pieces` yields bytes."""

    def __init__(self, pieces, content_type):
        self.pieces, self.content_type = pieces, content_type


class Request:
    def __init__(self, method, target, headers, body):
        self.method, self.headers, self.raw = method, headers, body
        split = urllib.parse.urlsplit(target)
        self.path = urllib.parse.unquote(split.path)
        self.query = dict(urllib.parse.parse_qsl(split.query))

    def trace_headers(self):
        return {name: self.headers[name] for name in TRACE_HEADERS if self.headers.get(name)}

    @property
    def consumer(self):
        """Who asks, as the gateway has found out; None: another service, or nobody knows."""
        return self.headers.get("X-Consumer")

    def may_see(self, user_id):
        """Whether what belongs to this user may be shown: to the user and the staff, and to other services."""
        roles = self.headers.get("X-Roles", "").split(",")
        return self.consumer in (None, user_id) or "staff" in roles

    def json(self):
        """The body as a JSON object, or 400."""
        try:
            value = json.loads(self.raw or b"")
        except ValueError as error:
            raise Problem(400, "bad_json", f"The body is not JSON: {error}") from None
        if not isinstance(value, dict):
            raise Problem(400, "bad_json", "The body must be a JSON object, such as {\"name\": \"Ada\"}.")
        return value


class Service:
    """Routes and their server. `run()` returns only when the service has been told to stop."""

    def __init__(self, name, healthy=lambda: None):
        self.name = os.environ.get("SERVICE", name)
        self.instance = os.environ.get("INSTANCE", f"{self.name}-1")
        self.stopping = threading.Event()
        # Blocked in every thread that will be, so that only sigwait, in run(), takes them.
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
        self.on_stop = []
        self._routes = []
        self.route("GET", "/healthz")(lambda request: self._health(healthy))

    def _health(self, healthy):
        healthy()
        return Reply({"status": "ok", "service": self.name, "instance": self.instance})

    def route(self, method, pattern):
        """Registers a handler: `{name}` in the pattern is one path segment, given by name."""
        regex = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", pattern) + r"\Z")

        def register(handler):
            self._routes.append((method, regex, handler))
            return handler
        return register

    def answer(self, request):
        """One request to one Reply or Stream; never raises."""
        try:
            return self._dispatch(request)
        except Problem as problem:
            return problem_reply(problem)
        except Exception as error:  # a bug or a broken database: the caller learns that much, the log the rest
            print(f"error {request.method} {request.path}: {type(error).__name__}: {error}", flush=True)
            return problem_reply(Problem(500, "internal_error", f"The {self.name} service failed; see its log."))

    def _dispatch(self, request):
        allowed = []
        wanted = "GET" if request.method == "HEAD" else request.method
        for method, regex, handler in self._routes:
            match = regex.match(request.path)
            if match and method == wanted:
                return handler(request, **match.groupdict())
            if match:
                allowed.append(method)
        if allowed:
            raise Problem(405, "method_not_allowed", f"{request.path} answers {', '.join(sorted(set(allowed)))}.")
        raise Problem(404, "not_found", f"The {self.name} service has no {request.path}.")

    def run(self):
        port, host = os.environ.get("PORT", ""), os.environ.get("HOST", "127.0.0.1")
        if not port.isdigit():
            sys.exit(f"{self.name}: set PORT to the port to listen on, for example PORT=9001.")
        try:
            server = _Server((host, int(port)), self)
        except OSError as error:
            sys.exit(f"{self.name}: cannot listen on {host}:{port}: {error.strerror}.")
        accepting = threading.Thread(target=server.serve_forever, args=(0.05,))
        accepting.start()
        print(f"{self.name} ({self.instance}) listens on {host}:{port}", flush=True)
        signal.sigwait(STOP_SIGNALS)
        self.stopping.set()
        server.finish()
        accepting.join()
        for stop in self.on_stop:
            stop()
        print(f"{self.name} ({self.instance}) stopped", flush=True)


def problem_reply(problem):
    return Reply(problem.body(), problem.status, content_type="application/problem+json")


class _Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """One thread a connection; the connections are capped, and joined before the end."""
    allow_reuse_address = True
    request_queue_size = 256
    daemon_threads = False

    def __init__(self, address, service):
        self.service = service
        # A pipe that becomes readable for ever: every idle connection waits on it beside its socket.
        self.stop_reader, self.stop_writer = os.pipe()
        self.slots = threading.BoundedSemaphore(MAX_CONNECTIONS)
        super().__init__(address, _Handler)

    def process_request(self, request, client_address):
        if not self.slots.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request, client_address):
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.slots.release()

    def handle_error(self, request, client_address):
        error = sys.exc_info()[1]
        if not isinstance(error, (ConnectionError, TimeoutError)):  # a client that goes away is no news
            print(f"error on a connection: {type(error).__name__}: {error}", flush=True)

    def finish(self):
        self.shutdown()
        self.socket.close()
        os.write(self.stop_writer, b"x")
        self.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = READ_SECONDS

    def handle(self):
        self.close_connection = False
        while not self.close_connection and self._wait_for_request():
            self.handle_one_request()

    def _wait_for_request(self):
        """True when bytes of a next request are there; False when idle too long or stopping."""
        self.connection.setblocking(False)
        pipelined = self.rfile.peek(1)  # may already stand in the buffer, where poll cannot see it
        self.connection.settimeout(READ_SECONDS)
        if pipelined:
            return True
        poll = select.poll()
        poll.register(self.connection, select.POLLIN)
        poll.register(self.server.stop_reader, select.POLLIN)
        ready = [descriptor for descriptor, _ in poll.poll(IDLE_SECONDS * 1000)]
        return self.connection.fileno() in ready

    def _serve(self):
        if self.request_version == "HTTP/0.9":
            self.close_connection = True
            return
        started = time.monotonic()
        try:
            request = Request(self.command, self.path, self.headers, self._read_body())
            reply = self.server.service.answer(request)
        except Problem as problem:  # the body could not be read: nothing after it can be trusted
            self.close_connection = True
            reply = problem_reply(problem)
        if self.server.service.stopping.is_set():
            self.close_connection = True
        status = self._send(reply)
        # Probes come every second for ever: only those that fail are worth a line.
        if self.path != "/healthz" or status != 200:
            took = (time.monotonic() - started) * 1000
            trace = self.headers.get("traceparent", "-")
            print(f"{self.command} {self.path} {status} {took:.1f}ms trace={trace}", flush=True)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = _serve

    def _send(self, reply):
        if isinstance(reply, Stream):
            return self._send_stream(reply)
        body = (json.dumps(reply.body, ensure_ascii=False) + "\n").encode()
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(body)))
        self._send_connection_header()
        if self.command != "HEAD":
            self._headers_buffer.append(b"\r\n" + body)  # head and body leave in one write
            self.flush_headers()
        else:
            self.end_headers()
        return reply.status

    def _send_stream(self, stream):
        """Each piece as one chunk (RFC 9112, 7.1), written at once so that it arrives when it happens."""
        chunked = self.request_version == "HTTP/1.1"
        self.close_connection = self.close_connection or not chunked
        self.send_response(200)
        self.send_header("Content-Type", stream.content_type)
        self.send_header("Cache-Control", "no-store")
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
        self._send_connection_header()
        self.end_headers()
        if self.command == "HEAD":
            return 200
        for piece in stream.pieces:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
        if chunked:
            self.wfile.write(b"0\r\n\r\n")
        return 200

    def _send_connection_header(self):
        if self.close_connection:
            self.send_header("Connection", "close")

    def _read_body(self):
        coding = self.headers.get("Transfer-Encoding")
        if coding is not None:
            if coding.strip().lower() != "chunked" or self.headers.get("Content-Length") is not None:
                raise Problem(400, "bad_framing", "Send either Content-Length or Transfer-Encoding: chunked.")
            return self._read_chunks()
        length = self.headers.get("Content-Length", "0")
        if not (length.isascii() and length.isdigit()):
            raise Problem(400, "bad_framing", "Content-Length must be a number.")
        if int(length) > MAX_BODY:
            # Read first: closing on unread bytes would reset the connection, answer and all.
            self.rfile.read(min(int(length), MAX_DISCARD))
            raise Problem(413, "body_too_large", f"A body may have {MAX_BODY} bytes.")
        return self._read_exactly(int(length))

    def _read_chunks(self):
        body = b""
        while True:
            size_line = self.rfile.readline(128).split(b";")[0].strip()
            if not re.fullmatch(rb"[0-9a-fA-F]{1,8}", size_line):
                raise Problem(400, "bad_framing", "A chunk's size must be hexadecimal.")
            size = int(size_line, 16)
            if len(body) + size > MAX_BODY:
                raise Problem(413, "body_too_large", f"A body may have {MAX_BODY} bytes.")
            if size == 0:
                break
            body += self._read_exactly(size)
            self._read_exactly(2)
        for _ in range(32):  # trailers, which no handler reads
            if self.rfile.readline(1024) in (b"\r\n", b"\n", b""):
                return body
        raise Problem(400, "bad_framing", "Too many trailers.")

    def _read_exactly(self, size):
        data = self.rfile.read(size)
        if len(data) != size:
            raise Problem(400, "body_cut_short", "The connection ended before the body did.")
        return data

    def send_error(self, code, message=None, explain=None):
        """Called by the standard library for a request that it cannot parse."""
        self.close_connection = True
        self.command = getattr(self, "command", None) or "GET"
        if self.request_version == "HTTP/0.9":  # nothing was parsed yet; answer in today's HTTP
            self.request_version = self.protocol_version
        self._send(problem_reply(Problem(int(code), "bad_request", message or "This is not an HTTP request.")))

    def log_message(self, *_):
        """Replaced by the one line that _serve prints."""


class Refused(Exception):
    """The callee answered 4xx: it understood, and did nothing."""

    def __init__(self, callee, status, code, detail):
        super().__init__(detail)
        self.callee, self.status, self.code, self.detail = callee, status, code, detail


class Unavailable(Exception):
    """No answer, or 5xx: whether the callee did something is unknown."""

    def __init__(self, callee, detail):
        super().__init__(detail)
        self.callee, self.detail = callee, detail


def call(callee, method, path, body=None, headers=None, timeout=3.0):
    """Calls another service at <CALLEE>_URL: its JSON, or raises Refused or Unavailable."""
    address = os.environ.get(f"{callee.upper()}_URL")
    if not address:
        raise Unavailable(callee, f"{callee.upper()}_URL is not set: add {callee} to the calls of this service.")
    base = urllib.parse.urlsplit(address)
    connection = http.client.HTTPConnection(base.hostname, base.port or 80, timeout=timeout)
    payload = None if body is None else json.dumps(body).encode()
    sent = {"Accept": "application/json", "Connection": "close", **(headers or {})}
    if payload is not None:
        sent["Content-Type"] = "application/json"
    try:
        connection.request(method, base.path + path, payload, sent)
        response = connection.getresponse()
        data = response.read(1024 * 1024)
    except (OSError, http.client.HTTPException) as error:
        raise Unavailable(callee, f"{callee} did not answer: {error or type(error).__name__}.") from None
    finally:
        connection.close()
    return _judge(callee, response.status, data)


def _judge(callee, status, data):
    try:
        value = json.loads(data)
    except ValueError:
        value = None
    if 200 <= status < 300:
        if value is None:
            raise Unavailable(callee, f"{callee} answered {status} with something that is not JSON.")
        return value
    problem = value if isinstance(value, dict) else {}
    detail = problem.get("detail") or f"{callee} answered {status}."
    if 400 <= status < 500:
        raise Refused(callee, status, problem.get("code", f"http_{status}"), detail)
    raise Unavailable(callee, detail)
