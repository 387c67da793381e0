"""A service for test_mesh and test_observe: does what its path says and answers with JSON of what it saw.

/                      who am I, what is in my environment that Trunkline put there
/call/NAME/REST        GET /REST at NAME by its <NAME>_URL, passing the trace on as a service owes
/proxy/HOST/REST       the same by HTTP_PROXY
/chain/a,b,c           call a, which calls b, which calls c
/status/CODE           answer with that status
/print/TEXT            a line on standard output; /complain/TEXT on standard error
"""
import http.server
import json
import os
import signal
import sys
import urllib.error
import urllib.parse
import urllib.request

NAMES = ["PORT", "HOST", "SERVICE", "INSTANCE", "VERSION", "HTTP_PROXY", "http_proxy", "NO_PROXY", "DATABASE"]
PASSED_ON = ["traceparent", "tracestate", "X-Request-Id"]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path = urllib.parse.urlsplit(self.path).path
        word, _, rest = path[1:].partition("/")
        act = getattr(self, f"act_{word or 'self'}", self.act_self)
        status, answer = act(rest)
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.do_GET()

    def act_self(self, _):
        given = {n: os.environ[n] for n in os.environ if n in NAMES or n.endswith("_URL") or n.startswith("TEST_")}
        return 200, {"service": os.environ.get("SERVICE"), "instance": os.environ.get("INSTANCE"), "path": self.path,
                     "headers": dict(self.headers.items()), "environment": given, "pid": os.getpid()}

    def act_call(self, rest):
        name, _, path = rest.partition("/")
        url = os.environ.get(name.upper().replace("-", "_") + "_URL")
        if url is None:
            return 500, {"error": f"no address of {name}"}
        return self.fetch(f"{url}/{path}", {})

    def act_proxy(self, rest):
        host, _, path = rest.partition("/")
        return self.fetch(f"http://{host}/{path}", {"http": os.environ["HTTP_PROXY"]})

    def act_chain(self, rest):
        first, _, others = rest.partition(",")
        return self.act_call(f"{first}/chain/{others}" if others else f"{first}/")

    def act_status(self, rest):
        return int(rest), {"status": rest}

    def act_print(self, rest):
        print(urllib.parse.unquote(rest), flush=True)
        return 200, {}

    def act_complain(self, rest):
        print(urllib.parse.unquote(rest), file=sys.stderr, flush=True)
        return 200, {}

    def fetch(self, url, proxies):
        request = urllib.request.Request(url, headers={n: self.headers[n] for n in PASSED_ON if n in self.headers})
        opener = urllib.request.build_opener(urllib.request.ProxyHandler(proxies))
        try:
            with opener.open(request, timeout=5) as response:
                return 200, {"via": os.environ.get("SERVICE"), "status": response.status, "answer": json.load(response)}
        except urllib.error.HTTPError as error:
            with error:
                return 200, {"via": os.environ.get("SERVICE"), "status": error.code, "answer": json.load(error)}

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler)
    server.daemon_threads = True
    server.serve_forever(0.05)
