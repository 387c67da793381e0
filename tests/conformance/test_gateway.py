# deadline: 100
"""What the gateway does with a request that is well-formed: which route, which headers, which instance, and what it
says when it must answer itself."""
import json
import re
import shutil
import socket
import subprocess
import threading
import time
import unittest

import system
import wire

MANIFEST = """
system: conform
mode: development
telemetry: { access_log: none }
gateway:
  listen: <port>
  limits: { body: 1MB, head: 8KB }
  timeouts: { head: 500ms }
  routes:
    - { path: /exact, to: exact }
    - { path: /prefix/*, to: prefix }
    - { path: /prefix/deeper/*, to: deeper }
    - { path: "/items/{id}", to: param }
    - { path: "/items/{id}/parts/{part}", to: parts }
    - { path: /items/special, to: exact }
    - { path: /method, methods: GET, to: get }
    - { path: /method, methods: [POST, PUT], to: post }
    - { path: /cond, to: plain }
    - { path: /cond, headers: { X-Canary: "1" }, to: canary }
    - { path: /cond, headers: { X-Any: "*" }, to: any }
    - { path: /query, query: { version: "2" }, to: canary }
    - { path: /query, to: plain }
    - { path: /prio/*, priority: 10, to: strong }
    - { path: /prio/exact, to: exact }
    - { path: /hosted/*, to: plain }
    - { path: /hosted/*, host: one.test, to: exact }
    - { path: /hosted/*, host: "*.wild.test", to: prefix }
    - { path: /hosted/*, host: exact.wild.test, to: deeper }
    - { path: /rewrite/*, rewrite: /inner/*, to: plain }
    - { path: "/swap/{a}/{b}", rewrite: "/{b}/x/{a}", to: plain }
    - { path: /fixed/*, rewrite: /always, to: plain }
    - { path: /slow/*, timeout: 300ms, to: plain }
    - { path: /idle/*, stream_idle: 400ms, to: plain }
    - { path: /two/*, to: two }
    - { path: /once/*, to: two, retry: { attempts: 1 } }
    - { path: /dead/*, to: dead }
    - { path: /sick/*, to: sick }
    - { path: /down/*, to: down }
contexts:
  test:
    exact: &one { address: "127.0.0.1:<exact>" }
    prefix: { address: "127.0.0.1:<prefix>" }
    deeper: { address: "127.0.0.1:<deeper>" }
    param: { address: "127.0.0.1:<param>" }
    parts: { address: "127.0.0.1:<parts>" }
    get: { address: "127.0.0.1:<get>" }
    post: { address: "127.0.0.1:<post>" }
    plain: { address: "127.0.0.1:<plain>" }
    canary: { address: "127.0.0.1:<canary>" }
    any: { address: "127.0.0.1:<any>" }
    strong: { address: "127.0.0.1:<strong>" }
    # Neither is ejected, however often a test lets them fail: the others find both.
    two: { address: ["127.0.0.1:<two_a>", "127.0.0.1:<two_b>"], passive: { failures: 0 },
           outlier: { enabled: false }, breaker: { enabled: false } }
    dead: { address: "127.0.0.1:<nobody>", passive: { failures: 0 } }
    sick: { address: "127.0.0.1:<plain>", health: { http: /sick-health, interval: 50ms, unhealthy_after: 1 }, panic_threshold: 0% }
    down: { run: "exit 3", restart: { first: 200ms } }
"""
TRUSTING = """
system: trusting
mode: production
telemetry: { access_log: none }
gateway:
  listen: <port>
  trust_forwarded: true
  routes: [{ path: /there/*, to: plain }]
contexts: { test: { plain: { address: "127.0.0.1:<plain>" } } }
"""
SINGLE = ["exact", "prefix", "deeper", "param", "parts", "get", "post", "plain", "canary", "any", "strong"]
TRACE_ID = re.compile("[0-9a-f]{32}")


def requests_seen():
    """By all backends, without the probes, which come when they like."""
    return sum(seen.target != "/sick-health" for backend in backends.values() for seen in list(backend.seen))


def setUpModule():
    global backends, two, gateway, trusting
    backends = {name: wire.Backend(name) for name in SINGLE}
    two = [wire.Backend("two_a"), wire.Backend("two_b")]
    for backend in [*backends.values(), *two]:
        unittest.addModuleCleanup(backend.close)
    backends["plain"].on("/sick-health", lambda exchange: exchange.reply(500))
    ports = {name: backend.port for name, backend in backends.items()}
    gateway = system.System(MANIFEST, two_a=two[0].port, two_b=two[1].port, nobody=system.free_port(), **ports)
    # "down" and "sick" never become healthy: ready is when the gateway answers.
    gateway.start(ready=False)
    unittest.addModuleCleanup(gateway.stop)
    trusting = system.System(TRUSTING, plain=ports["plain"]).start()
    unittest.addModuleCleanup(trusting.stop)
    wire.wait_until(answers, system.START_SECONDS, "the gateway to answer")


def answers():
    try:
        return gateway.ask("GET", "/exact").status == 200 and gateway.ask("GET", "/sick/a").status == 503
    except (OSError, wire.Ended):
        if gateway.process.poll() is not None:
            raise AssertionError(f"up ended with {gateway.process.returncode}:\n{gateway.output()}") from None
        return False


def headers_of(answer):
    return wire.Headers(tuple(pair) for pair in answer.json()["headers"])


class Case(unittest.TestCase):
    def to(self, method, target, headers=(), host="conform.test"):
        answer = gateway.ask(method, target, headers, host=host)
        return answer.json()["backend"] if answer.status == 200 else answer.status

    def problem(self, answer, status, cause):
        """A problem of that cause, in the form that all have."""
        self.assertEqual((answer.status, answer.headers.get("content-type")), (status, "application/problem+json"))
        problem = answer.json()
        self.assertEqual((problem["cause"], problem["status"]), (cause, status))
        self.assertRegex(problem["trace_id"], TRACE_ID)
        self.assertEqual(answer.headers.get("x-trace-id"), problem["trace_id"])
        self.assertEqual(answer.headers.get("cache-control"), "no-store")
        self.assertTrue(problem["title"] and problem["type"])
        return problem


class Routes(Case):
    def test_paths(self):
        for target, to in [("/exact", "exact"), ("/exact?a=/b", "exact"), ("/exact/", 404), ("/exacter", 404), ("/Exact", 404),
                           ("/prefix", "prefix"), ("/prefix/", "prefix"), ("/prefix/a/b", "prefix"), ("/prefixed", 404),
                           ("/prefix/deeper", "deeper"), ("/prefix/deeper/a", "deeper"), ("/prefix/deep", "prefix"),
                           ("/items/7", "param"), ("/items/", 404), ("/items/7/parts/8", "parts"), ("/items/7/parts", 404),
                           ("/items/special", "exact"), ("/", 404), ("/%65xact", "exact"), ("/items/a%2Fb", "param"),
                           ("//exact", 404), ("/prefix//a", "prefix"), ("/items//parts/8", 404)]:
            with self.subTest(target):
                self.assertEqual(self.to("GET", target), to)

    def test_methods(self):
        self.assertEqual([self.to(m, "/method") for m in ("GET", "POST", "PUT", "DELETE")], ["get", "post", "post", 404])
        self.assertEqual(gateway.ask("HEAD", "/method").status, 200)
        self.assertEqual(self.to("get", "/method"), 404)

    def test_headers_and_query(self):
        self.assertEqual(self.to("GET", "/cond"), "plain")
        self.assertEqual(self.to("GET", "/cond", {"x-canary": "1"}), "canary")
        self.assertEqual(self.to("GET", "/cond", {"X-Canary": "2"}), "plain")
        self.assertEqual(self.to("GET", "/cond", {"X-Any": "whatever"}), "any")
        self.assertEqual(self.to("GET", "/query?version=2"), "canary")
        self.assertEqual(self.to("GET", "/query?a=b&version=2&c"), "canary")
        self.assertEqual(self.to("GET", "/query?version=22"), "plain")
        self.assertEqual(self.to("GET", "/query?xversion=2"), "plain")

    def test_priority_beats_what_is_more_specific(self):
        self.assertEqual(self.to("GET", "/prio/exact"), "strong")

    def test_hosts(self):
        for host, to in [("conform.test", "plain"), ("one.test", "exact"), ("ONE.test:8080", "exact"), ("a.wild.test", "prefix"),
                         ("exact.wild.test", "deeper"), ("a.b.wild.test", "prefix"), ("wild.test", "plain")]:
            with self.subTest(host):
                self.assertEqual(self.to("GET", "/hosted/a", host=host), to)

    def test_a_rewrite_keeps_the_query_and_the_coding(self):
        for target, seen in [("/rewrite/a/b?c=d&e", "/inner/a/b?c=d&e"), ("/rewrite", "/inner"), ("/rewrite/", "/inner/"),
                             ("/rewrite/a%20b%2Fc?x=%20", "/inner/a%20b%2Fc?x=%20"), ("/swap/1/2?q", "/2/x/1?q"),
                             ("/fixed/a/b?c", "/always?c"), ("/prefix/a?b=%2e%2e/..", "/prefix/a?b=%2e%2e/..")]:
            with self.subTest(target):
                self.assertEqual(gateway.ask("GET", target).json()["target"], seen)

    def test_no_spelling_of_a_path_gets_around_a_route(self):
        for target in ["/prefix/../exact", "/prefix/%2e%2e/exact", "/prefix/.%2E/exact", "/prefix/..%2fexact", "/prefix/..%5Cexact",
                       "/prefix\\..\\exact", "/prefix/./a", "/prefix/a/..", "/prefix/%2E", "/prefix/%00", "/prefix/%", "/prefix/%4"]:
            with self.subTest(target):
                before = requests_seen()
                self.problem(gateway.ask("GET", target), 400, "bad_request")
                self.assertEqual(requests_seen(), before)


class WhatTheServiceSees(Case):
    def test_forged_forwarded_headers_are_dropped(self):
        seen = headers_of(gateway.ask("GET", "/exact", {
            "Forwarded": "for=6.6.6.6", "X-Forwarded-For": "6.6.6.6", "X-Forwarded-Host": "evil.test", "X-Forwarded-Proto": "https"}))
        self.assertEqual(seen.all("forwarded"), ['for=127.0.0.1;host="conform.test";proto=http'])
        self.assertEqual([seen.all(n) for n in ("x-forwarded-for", "x-forwarded-host", "x-forwarded-proto")],
                         [["127.0.0.1"], ["conform.test"], ["http"]])

    def test_trusted_forwarded_headers_are_appended_to(self):
        with trusting.client() as client:
            client.send("GET /there/a HTTP/1.1\r\nHost: conform.test\r\nForwarded: for=6.6.6.6\r\nX-Forwarded-For: 6.6.6.6\r\n"
                        "X-Forwarded-For: 7.7.7.7\r\nX-Forwarded-Host: front.test\r\nX-Forwarded-Proto: https\r\n\r\n")
            seen = headers_of(client.response())
        self.assertEqual(seen.get("forwarded"), 'for=6.6.6.6, for=127.0.0.1;host="conform.test";proto=http')
        self.assertEqual(seen.get("x-forwarded-for"), "6.6.6.6, 7.7.7.7, 127.0.0.1")
        self.assertEqual([seen.all(n) for n in ("x-forwarded-host", "x-forwarded-proto")], [["front.test"], ["https"]])

    def test_host_and_request_id_are_kept(self):
        seen = headers_of(gateway.ask("GET", "/exact", {"X-Request-Id": "mine-42"}, host="Conform.test:8080"))
        self.assertEqual((seen.all("host"), seen.all("x-request-id")), (["Conform.test:8080"], ["mine-42"]))
        self.assertRegex(headers_of(gateway.ask("GET", "/exact")).get("x-request-id"), TRACE_ID)

    def test_a_trace_is_continued_or_begun_and_told(self):
        given = "0af7651916cd43dd8448eb211c80319c"
        answer = gateway.ask("GET", "/exact", {"traceparent": f"00-{given}-b7ad6b7169203331-01", "tracestate": "a=b"})
        seen = headers_of(answer)
        version, trace, span, flags = seen.get("traceparent").split("-")
        self.assertEqual((version, trace, flags, seen.all("tracestate")), ("00", given, "01", ["a=b"]))
        self.assertNotIn(span, ("b7ad6b7169203331", "0" * 16))
        self.assertEqual(answer.headers.all("x-trace-id"), [given])
        for wrong in ["", "00-abc", f"ff-{given}-b7ad6b7169203331-01", f"00-{'0' * 32}-b7ad6b7169203331-01",
                      f"00-{given}-{'0' * 16}-01", f"00-{given.upper()}-b7ad6b7169203331-01"]:
            with self.subTest(wrong):
                answer = gateway.ask("GET", "/exact", {"traceparent": wrong})
                seen = headers_of(answer).get("traceparent")
                self.assertRegex(seen, r"\A00-[0-9a-f]{32}-[0-9a-f]{16}-0[0-9a-f]\Z")
                self.assertNotIn(given, seen)
                self.assertEqual(answer.headers.get("x-trace-id"), seen[3:35])

    def test_a_forged_trace_id_header_of_a_service_is_replaced(self):
        backends["exact"].on("/items/special", lambda exchange: (exchange.read_body(), exchange.reply(200, "", [("X-Trace-Id", "forged")])))
        answer = gateway.ask("GET", "/items/special")
        self.assertEqual(len(answer.headers.all("x-trace-id")), 1)
        self.assertRegex(answer.headers.get("x-trace-id"), TRACE_ID)


class Problems(Case):
    def test_no_route_lists_what_was_considered_and_why_each_lost(self):
        problem = self.problem(gateway.ask("GET", "/prefx/a"), 404, "no_route")
        self.assertIn("/prefx/a", problem["detail"])
        first = problem["considered"][0]
        self.assertEqual((first["route"], first["to"]), ("/prefix/*", "prefix"))
        self.assertIn('did you mean "prefix"?', first["why_not"])
        self.assertLessEqual(len(problem["considered"]), 10)
        problem = self.problem(gateway.ask("DELETE", "/method"), 404, "no_route")
        self.assertIn("method is DELETE, the route takes GET", [c["why_not"] for c in problem["considered"]])

    def test_in_production_nothing_is_listed(self):
        answer = trusting.ask("GET", "/elsewhere")
        self.assertEqual((answer.status, answer.json()["cause"]), (404, "no_route"))
        self.assertNotIn("considered", answer.json())

    def test_no_healthy_instance(self):
        for target, words in [("/sick/a", "sick"), ("/down/a", "down")]:
            with self.subTest(target):
                answer = gateway.ask("GET", target)
                problem = self.problem(answer, 503, "no_healthy_instance")
                self.assertIn(words, problem["detail"])
                self.assertEqual(answer.headers.get("retry-after"), "1")

    def test_upstream_timeout(self):
        backends["plain"].on("/slow", lambda exchange: time.sleep(5.0))
        began = time.monotonic()
        self.problem(gateway.ask("GET", "/slow/a"), 504, "upstream_timeout")
        self.assertLess(time.monotonic() - began, 4)  # long before the service would have answered

    def test_upstream_reset(self):
        def reset(exchange):
            exchange.read_body()
            exchange.wire.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            return False
        backends["get"].on("/method", reset)
        self.addCleanup(backends["get"].handlers.clear)
        problem = self.problem(gateway.ask("GET", "/method"), 502, "upstream_reset")
        self.assertIn("get", problem["detail"])

    def test_upstream_connect_failed(self):
        self.problem(gateway.ask("GET", "/dead/a"), 502, "upstream_connect_failed")

    def test_upstream_protocol(self):
        backends["param"].on("/items/bad", lambda exchange: exchange.send("NONSENSE\r\n\r\n"))
        self.problem(gateway.ask("GET", "/items/bad"), 502, "upstream_protocol")

    def test_what_the_client_did_wrong(self):
        for name, data, status, cause in [
                ("bad_request", "GET /exact HTTP/1.1\r\n\r\n", 400, "bad_request"),
                ("head_too_large", f"GET /exact HTTP/1.1\r\nHost: a\r\nX: {'a' * 9000}\r\n\r\n", 431, "head_too_large"),
                ("body_too_large", "POST /exact HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n", 413, "body_too_large"),
                ("request_timeout", "GET /exact HTTP/1.1\r\nHost: a\r\n", 408, "request_timeout"),
                ("unsupported", "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", 501, "unsupported")]:
            with self.subTest(name), gateway.client() as client:
                client.send(data)
                answer = client.response()
                self.problem(answer, status, cause)
                reason = {400: "Bad Request", 431: "Request Header Fields Too Large", 413: "Content Too Large",
                          408: "Request Timeout", 501: "Not Implemented"}[status]
                self.assertEqual(answer.reason, reason)

    def test_a_stream_that_falls_silent_is_ended(self):
        def silent(exchange):
            exchange.read_body()
            exchange.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
            time.sleep(8)
            return False
        backends["plain"].on("/idle", silent)
        began = time.monotonic()
        with gateway.client() as client:
            client.request("GET", "/idle/a")
            with self.assertRaises((wire.Ended, ConnectionError)):
                client.response()
        self.assertLess(time.monotonic() - began, 7)  # the gateway ended it, not the service

    def test_head_gets_the_problem_without_its_body(self):
        with gateway.client() as client:
            answer = client.ask("HEAD", "/nowhere")
            self.assertEqual((answer.status, answer.headers.get("content-type")), (404, "application/problem+json"))
            self.assertEqual(client.ask("GET", "/exact").status, 200)


class Retries(Case):
    def setUp(self):
        self.calls = []

    def one_fails(self, prefix, also=False):
        """The first instance that is asked breaks the connection, the others answer."""
        lock = threading.Lock()

        def handler(exchange):
            exchange.read_body()
            with lock:
                self.calls.append(exchange.backend.name)
                first = len(self.calls) == 1
            if first or also:
                return False
            exchange.reply(200, exchange.backend.name)
        for backend in two:
            backend.on(prefix, handler)
            self.addCleanup(backend.handlers.clear)

    def test_get_is_tried_on_another_instance(self):
        for number in range(5):
            self.calls.clear()
            self.one_fails(f"/two/get/{number}")
            answer = gateway.ask("GET", f"/two/get/{number}")
            self.assertEqual((answer.status, len(self.calls), len(set(self.calls))), (200, 2, 2))

    def test_post_that_was_sent_is_not(self):
        self.one_fails("/two/post")
        self.problem(gateway.ask("POST", "/two/post", body=b"abc"), 502, "upstream_reset")
        self.assertEqual(len(self.calls), 1)

    def test_put_is_with_its_body(self):
        self.one_fails("/two/put")
        self.assertEqual(gateway.ask("PUT", "/two/put", body=b"abc" * 100).status, 200)
        self.assertEqual(len(self.calls), 2)
        self.assertEqual([len(r.body) for b in two for r in b.requests("/two/put")], [300, 300])

    def test_attempts_end(self):
        self.one_fails("/two/never", also=True)
        self.problem(gateway.ask("GET", "/two/never"), 502, "upstream_reset")
        self.assertEqual(len(self.calls), 3)

    def test_one_attempt_means_no_retry(self):
        self.one_fails("/once")
        self.problem(gateway.ask("GET", "/once/a"), 502, "upstream_reset")
        self.assertEqual(len(self.calls), 1)

    def test_a_500_is_the_services_own_and_not_retried(self):
        self.answers_of_all(500, "GET", 1)

    def test_a_503_is_retried_elsewhere_and_the_last_one_is_passed_on(self):
        self.answers_of_all(503, "GET", 2)

    def test_a_503_to_a_post_is_not_retried(self):
        self.answers_of_all(503, "POST", 1)

    def answers_of_all(self, status, method, asked):
        def failing(exchange):
            exchange.read_body()
            self.calls.append(exchange.backend.name)
            exchange.reply(status, "mine")
        for backend in two:
            backend.on("/two/own", failing)
            self.addCleanup(backend.handlers.clear)
        answer = gateway.ask(method, "/two/own")
        self.assertEqual((answer.status, answer.body, len(self.calls)), (status, b"mine", asked))

    def test_requests_are_spread_over_the_instances(self):
        with gateway.client() as client:
            seen = [client.ask("GET", f"/two/spread/{i}").json()["backend"] for i in range(60)]
        self.assertGreater(min(seen.count("two_a"), seen.count("two_b")), 10)

    def test_a_connection_that_the_service_has_closed_meanwhile_costs_no_request(self):
        def last(exchange):
            exchange.echo()
            return False
        for backend in two:
            backend.on("/two/last", last)
            self.addCleanup(backend.handlers.clear)
        for i in range(20):
            self.assertEqual(gateway.ask("POST", f"/two/last/{i}", body=b"a").status, 200)


class RealClients(Case):
    def test_curl(self):
        if not shutil.which("curl"):
            self.skipTest("curl is not installed")
        url = f"http://127.0.0.1:{gateway.port}"
        def curl(*arguments, stdin=None):
            return subprocess.run(["curl", "-sS", "--max-time", "8", "--noproxy", "*", *arguments], input=stdin, capture_output=True, timeout=15, check=True).stdout
        self.assertEqual(json.loads(curl(f"{url}/exact"))["backend"], "exact")
        body = b"x" * 500_000
        self.assertEqual(json.loads(curl("--data-binary", "@-", f"{url}/method", stdin=body))["length"], len(body))
        chunked = json.loads(curl("-T", "-", "-H", "Expect:", f"{url}/method", stdin=body))
        self.assertEqual((chunked["method"], chunked["length"]), ("PUT", len(body)))
        both = curl("-i", "-H", "Expect: 100-continue", "--expect100-timeout", "1", "-d", "abc", f"{url}/method").decode()
        self.assertIn("200", both)
        self.assertIn("X-Trace-Id:", curl("-I", f"{url}/exact").decode())
        many = curl(*[f"{url}/exact?{i}" for i in range(20)]).decode()
        self.assertEqual(many.count('"backend"'), 20)
        self.assertEqual(curl("-o", "/dev/null", "-w", "%{http_code}", f"{url}/nowhere"), b"404")

    def test_node(self):
        if not shutil.which("node"):
            self.skipTest("node is not installed")
        script = """
        const http = require('http');
        const base = process.argv[1];
        (async () => {
          for (let i = 0; i < 30; i++) {
            const r = await fetch(base + '/prefix/' + i);
            if ((await r.json()).target !== '/prefix/' + i) throw new Error('wrong answer');
            if (!r.headers.get('x-trace-id')) throw new Error('no trace id');
          }
          const body = 'z'.repeat(300000);
          const posted = await (await fetch(base + '/method', {method: 'POST', body})).json();
          if (posted.length !== body.length) throw new Error('body of ' + posted.length);
          const agent = new http.Agent({keepAlive: true, maxSockets: 2});
          const get = n => new Promise((ok, no) => http.get(base + '/items/' + n, {agent}, r => {
            let text = ''; r.on('data', d => text += d); r.on('end', () => ok(JSON.parse(text).target)); }).on('error', no));
          const all = await Promise.all([...Array(40).keys()].map(get));
          if (all.some((t, n) => t !== '/items/' + n)) throw new Error('mixed up: ' + all);
          const upload = http.request(base + '/method', {method: 'PUT', agent}, r => {
            let text = ''; r.on('data', d => text += d); r.on('end', () => { console.log('done ' + JSON.parse(text).length); agent.destroy(); }); });
          for (let i = 0; i < 50; i++) upload.write('y'.repeat(1000));
          upload.end();
        })().catch(e => { console.error(e); process.exit(1); });
        """
        done = subprocess.run(["node", "-e", script, f"http://127.0.0.1:{gateway.port}"], capture_output=True, text=True,
                              timeout=30, check=False)
        self.assertEqual((done.returncode, done.stdout.strip()), (0, "done 50000"), done.stderr)


if __name__ == "__main__":
    unittest.main()
