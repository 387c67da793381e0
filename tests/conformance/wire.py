"""HTTP/1.1 byte by byte, for tests: a strict reader of messages, a client that sends whatever it is told,
and a backend that writes down exactly what arrives.

Strict on purpose: what a lenient parser would repair is how requests are smuggled, so a proxy under test
must never send it on. Anything that is not well-formed raises Malformed (or is kept in Backend.malformed).
"""
import contextlib
import hashlib
import json
import re
import socket
import threading
import time

TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")
REQUEST_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([!-~\x80-\xff]+) HTTP/1\.1\Z")
STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-5][0-9][0-9]) ([\t -~\x80-\xff]*)\Z")
VALUE = re.compile(rb"[\t -~\x80-\xff]*\Z")
CHUNK = re.compile(rb"[0-9a-fA-F]{1,16}\Z")
DEADLINE_SECONDS = 8.0


class Malformed(Exception):
    """The other side sent what is not HTTP/1.1."""


class Ended(Exception):
    """The connection ended; `inside` when in the middle of a message."""
    def __init__(self, inside=False):
        super().__init__("the connection ended" + (" inside of a message" if inside else ""))
        self.inside = inside


class Headers(list):
    """(name, value) pairs of text, in order; names compare without case."""
    def all(self, name):
        return [value for key, value in self if key.lower() == name.lower()]

    def get(self, name, default=None):
        values = self.all(name)
        return ", ".join(values) if values else default

    def names(self):
        return [key.lower() for key, _ in self]


class Wire:
    """A socket with a buffer."""
    def __init__(self, sock):
        self.sock = sock
        self.buffer = b""
        self.raw = bytearray()

    def fill(self, inside=False):
        data = self.sock.recv(65536)
        if not data:
            raise Ended(inside)
        self.buffer += data
        if len(self.raw) < 1 << 20:
            self.raw += data

    def line(self, inside=True):
        while b"\n" not in self.buffer:
            if len(self.buffer) > 1 << 20:
                raise Malformed("a line without end")
            self.fill(inside or bool(self.buffer))
        line, _, self.buffer = self.buffer.partition(b"\n")
        if not line.endswith(b"\r") or b"\r" in line[:-1] or b"\0" in line:
            raise Malformed(f"the line {line!r} does not end in CRLF alone")
        return line[:-1]

    def exactly(self, size):
        parts = [self.buffer[:size]]
        self.buffer = self.buffer[size:]
        have = len(parts[0])
        while have < size:
            self.fill(True)
            take = self.buffer[:size - have]
            self.buffer = self.buffer[len(take):]
            parts.append(take)
            have += len(take)
        return b"".join(parts)

    def fields(self):
        found = Headers()
        while line := self.line():
            name, colon, value = line.partition(b":")
            if not colon or not TOKEN.match(name) or not VALUE.match(value):
                raise Malformed(f"no header line: {line!r}")
            found.append((name.decode(), value.strip(b" \t").decode("latin-1")))
        return found

    def chunked(self):
        parts = []
        while True:
            size = self.line()
            if not CHUNK.match(size):
                raise Malformed(f"no chunk size: {size!r}")
            if int(size, 16) == 0:
                return b"".join(parts), self.fields()
            parts.append(self.exactly(int(size, 16)))
            if self.exactly(2) != b"\r\n":
                raise Malformed("a chunk that does not end in CRLF")

    def framed(self, headers):
        """(body, trailers) by Content-Length or chunked; None, None when neither is there."""
        lengths, codings = headers.all("content-length"), headers.all("transfer-encoding")
        if lengths and codings or len(lengths) > 1 or len(codings) > 1:
            raise Malformed(f"ambiguous length: {lengths} {codings}")
        if codings:
            if codings != ["chunked"]:
                raise Malformed(f"coding {codings}")
            return self.chunked()
        if lengths:
            if not re.fullmatch("[0-9]+", lengths[0]):
                raise Malformed(f"length {lengths}")
            return self.exactly(int(lengths[0])), Headers()
        return None, None

    def rest(self):
        """Everything until the peer closes; a reset counts as the end."""
        with contextlib.suppress(Ended, ConnectionError):
            while True:
                self.fill()
        rest, self.buffer = self.buffer, b""
        return rest


class Response:
    def __init__(self, status, reason, headers, body, trailers, informational):
        self.status, self.reason, self.headers = status, reason, headers
        self.body, self.trailers, self.informational = body, trailers, informational

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.headers} {self.body[:300]!r}>"


class Client(Wire):
    """A connection that says exactly what it is told."""
    def __init__(self, port, receive_buffer=None):
        sock = socket.socket()
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.settimeout(DEADLINE_SECONDS)
        sock.connect(("127.0.0.1", port))
        super().__init__(sock)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data.encode() if isinstance(data, str) else data)

    def request(self, method, target, headers=(), body=None, host="conform.test"):
        lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", *(f"{n}: {v}" for n, v in dict(headers).items())]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + (body or b""))

    def head(self):
        line = self.line(inside=False)
        status = STATUS_LINE.match(line)
        if not status:
            raise Malformed(f"no status line: {line!r}")
        return int(status[1]), status[2].decode("latin-1"), self.fields()

    def response(self, method="GET"):
        """The next final answer, with the 1xx before it."""
        informational = []
        status, reason, headers = self.head()
        while status < 200 and status != 101:
            informational.append((status, headers))
            status, reason, headers = self.head()
        if method == "HEAD" or status in (101, 204, 304):
            body, trailers = b"", Headers()
        else:
            body, trailers = self.framed(headers)
            if body is None:
                body, trailers = self.rest(), Headers()
        return Response(status, reason, headers, body, trailers, informational)

    def ask(self, method, target, headers=(), body=None, host="conform.test"):
        self.request(method, target, headers, body, host)
        return self.response(method)

    def closed(self, seconds=3.0):
        """Whether the peer closes within that time, without sending more."""
        self.sock.settimeout(seconds)
        try:
            return self.buffer == b"" and self.sock.recv(1) == b""
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False


def ask(port, method, target, headers=(), body=None, host="conform.test"):
    """One request on a connection of its own."""
    with Client(port) as client:
        return client.ask(method, target, headers, body, host)


class Seen:
    """A request as it arrived."""
    def __init__(self, method, target, headers, connection):
        self.method, self.target, self.headers, self.connection = method, target, headers, connection
        self.body, self.trailers, self.complete = b"", Headers(), False

    def __repr__(self):
        return f"<{self.method} {self.target} {self.headers} {len(self.body)} bytes, complete: {self.complete}>"


class Exchange:
    """One request at the backend: its body is read when asked for, at the latest when it is answered."""
    def __init__(self, wire, seen, backend):
        self.wire, self.seen, self.backend = wire, seen, backend

    def read_body(self):
        if not self.seen.complete:
            body, trailers = self.wire.framed(self.seen.headers)
            self.seen.body, self.seen.trailers = body or b"", trailers or Headers()
            self.seen.complete = True
        return self.seen.body

    def send(self, data):
        self.wire.sock.sendall(data.encode() if isinstance(data, str) else data)

    def reply(self, status=200, body=b"", headers=()):
        body = body.encode() if isinstance(body, str) else body
        lines = [f"HTTP/1.1 {status} Status", *(f"{n}: {v}" for n, v in headers), f"Content-Length: {len(body)}"]
        self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def echo(self):
        """What arrived, as JSON."""
        self.read_body()
        seen = self.seen
        self.reply(200, json.dumps({
            "backend": self.backend.name, "method": seen.method, "target": seen.target, "headers": seen.headers,
            "length": len(seen.body), "sha256": hashlib.sha256(seen.body).hexdigest(), "trailers": seen.trailers}),
            [("Content-Type", "application/json")])


class Backend:
    """A server that records. `on(prefix, handler)`: handler(exchange) answers; returning False closes the
    connection; without one the request is echoed."""
    def __init__(self, name="backend"):
        self.name = name
        self.seen, self.malformed, self.cut, self.handlers = [], [], [], []
        self.connections = 0
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def on(self, prefix, handler):
        self.handlers.insert(0, (prefix, handler))

    def close(self):
        # Wakes the thread that waits in accept, which close() alone does not.
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self.listener.accept()
                self.connections += 1
                threading.Thread(target=self.serve, args=(sock, self.connections), daemon=True).start()

    def serve(self, sock, number):
        sock.settimeout(60)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        wire = Wire(sock)
        try:
            while self.serve_one(wire, number):
                pass
        except Malformed as error:
            self.malformed.append((str(error), bytes(wire.raw)))
        except Ended as error:
            if error.inside:
                self.cut.append(bytes(wire.raw))
        except OSError:
            self.cut.append(bytes(wire.raw))
        finally:
            sock.close()

    def serve_one(self, wire, number):
        line = wire.line(inside=False)
        parts = REQUEST_LINE.match(line)
        if not parts:
            raise Malformed(f"no request line: {line!r}")
        seen = Seen(parts[1].decode(), parts[2].decode("latin-1"), wire.fields(), number)
        if len(seen.headers.all("host")) != 1:
            raise Malformed(f"Host: {seen.headers.all('host')}")
        with self.lock:
            self.seen.append(seen)
        exchange = Exchange(wire, seen, self)
        handler = next((h for prefix, h in self.handlers if seen.target.startswith(prefix)), Exchange.echo)
        keep = handler(exchange)
        if keep is False:
            return False
        exchange.read_body()
        return True

    def requests(self, mark):
        """Those whose target contains `mark`."""
        with self.lock:
            return [seen for seen in self.seen if mark in seen.target]


def wait_until(condition, seconds=DEADLINE_SECONDS, what="a condition"):
    """The condition's first true value; the failure names what was waited for."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"waited {seconds} s in vain for {what}")
