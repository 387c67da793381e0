#!/usr/bin/env python3
"""A service that answers exactly what it is told, for tests of policies. Run as a program; HTTP/1.1 on $PORT.

GET  /healthz                          200
any  /echo...                          what came: {"method", "target", "headers": [[name, value]...], "body"}
POST /answer?name=value...             the request's body is the answer's; each parameter a field of it, `status` its status
GET  /events?pieces=3&ms=200&type=...  chunked, a piece "data: 0\n\n" at a time
GET  /text?bytes=100000&type=...&known=1   so many bytes of words; with `known` a Content-Length, else chunked
"""
import json
import os
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

WORDS = b"the quick brown fox jumps over the lazy dog and so on; "


def text(size):
    return (WORDS * (size // len(WORDS) + 1))[:size]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def body(self):
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            data = b""
            while size := int(self.rfile.readline(), 16):
                data += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return data
        return self.rfile.read(int(self.headers.get("Content-Length", "0")))

    def answer(self, status, body, fields):
        self.send_response_only(status)
        for name, value in fields:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def begin_chunks(self, query):
        self.send_response_only(200)
        self.send_header("Content-Type", query.get("type", "text/plain"))
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def serve(self):
        path, _, rest = self.path.partition("?")
        query = dict(urllib.parse.parse_qsl(rest))
        body = self.body()
        if path.endswith("/answer"):
            status = int(query.pop("status", "200"))
            self.answer(status, body, query.items())
        elif path.endswith("/events"):
            self.begin_chunks(query)
            for i in range(int(query.get("pieces", "3"))):
                time.sleep(int(query.get("ms", "0")) / 1000)
                self.chunk(b"data: %d\n\n" % i)
            self.chunk(b"")
        elif path.endswith("/text"):
            data = text(int(query.get("bytes", "100000")))
            if "known" in query:
                self.answer(200, data, [("Content-Type", query.get("type", "text/plain")), ("ETag", '"one"')])
                return
            self.begin_chunks(query)
            for at in range(0, len(data), 7000):
                self.chunk(data[at:at + 7000])
            self.chunk(b"")
        else:
            told = {"method": self.command, "target": self.path, "headers": list(map(list, self.headers.items())),
                    "body": body.decode("latin-1")}
            self.answer(200, json.dumps(told).encode(), [("Content-Type", "application/json"), ("X-Service", "shape"),
                                                         ("X-Powered-By", "python")])

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = serve


if __name__ == "__main__":
    ThreadingHTTPServer.daemon_threads = True
    ThreadingHTTPServer.request_queue_size = 256
    ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
