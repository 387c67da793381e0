# deadline: 120
"""Answers joined of several services: by a real client, through the real binary."""
import json
import unittest

import system

PARTS = '''
import http.server, json, os, time, urllib.parse

def answer(path, query, body):
    name = path.strip("/").split("/")
    if path == "/healthz": return 200, {}
    if name[0] == "users": return (200, {"id": name[1], "name": "Ada", "password": "x"}) if name[1] != "none" else (404, {"error": "no user"})
    if name[0] == "orders": return 200, {"data": {"orders": [{"id": 1, "of": query.get("user", [""])[0]}, {"id": 2, "of": ""}]}}
    if name[0] == "parcels":
        time.sleep(0.05 if name[1] != "slow" else 5)
        return (200, {"parcel": name[1]}) if name[1] != "3" else (500, {})
    if name[0] == "sick": return 503, {"error": "down"}
    if name[0] == "text": return 200, "hello"
    if name[0] == "echo": return 200, {"body": body, "query": query, "path": path}
    if name[0] == "many": return 200, [{"id": i} for i in range(200)]
    if name[0] == "big": return 200, {"big": "x" * 5000}
    if name[0] == "array": return 200, [1, 2]

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        path, _, query = self.path.partition("?")
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        status, value = answer(path, urllib.parse.parse_qs(query), body)
        data = value.encode() if isinstance(value, str) else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("X-Trace", self.headers.get("traceparent", ""))
        self.end_headers()
        self.wfile.write(data)
    do_POST = do_GET
    def log_message(self, *_): pass

class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 512

Server(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
'''

MANIFEST = """
system: joined
telemetry: { access_log: none }
gateway:
  listen: <port>
  routes:
    - path: "/page/{id}"
      timeout: 2s
      join:
        calls:
          user: { to: parts, path: "/users/{path.id}", pick: [id, name] }
          orders: { to: parts, path: /orders, query: { user: "{user.id}", absent: "{query.absent}" }, take: data.orders }
          parcels: { to: parts, path: "/parcels/{item.id}", each: "{orders}", parallel: 2 }
          news: { to: parts, path: /sick, fallback: '[]' }
          adverts: { to: parts, path: /sick, optional: true }
        missing: _missing
    - path: "/required/{what}"
      join: { calls: { good: { to: parts, path: /users/7 }, bad: { to: parts, path: "/{path.what}/none" } } }
    - path: /cascade
      join: { calls: { first: { to: parts, path: "/orders/{second.id}" }, second: { to: parts, path: /users/none } } }
    - path: /slow
      timeout: 300ms
      join: { calls: { parcel: { to: parts, path: /parcels/slow }, user: { to: parts, path: /users/7 } } }
    - path: /hurried
      join: { calls: { parcel: { to: parts, path: /parcels/slow, timeout: 100ms, optional: true }, user: { to: parts, path: /users/7 } } }
    - path: /merged
      join: { calls: { user: { to: parts, path: /users/7, merge: true, pick: name }, text: { to: parts, path: /text, optional: true } } }
    - path: /collides
      join: { calls: { a: { to: parts, path: /users/7, merge: true }, b: { to: parts, path: /users/8, merge: true } } }
    - path: /body
      join: { calls: { echo: { to: parts, path: /echo, method: POST, body: true } } }
    - path: /coded
      join: { calls: { echo: { to: parts, path: "/echo/{query.x}", query: { y: "{query.x}" } } } }
    - path: /many
      join: { calls: { many: { to: parts, path: /many }, each: { to: parts, path: "/users/{item.id}", each: "{many}" } } }
    - path: /some
      join: { calls: { some: { to: parts, path: /array }, each: { to: parts, path: "/parcels/{item}", each: "{some}", optional: true } } }
    - path: /big
      join: { calls: { big: { to: parts, path: /big, most: 1KB } } }
contexts:
  test:
    parts: { run: "<python> parts.py", health: /healthz, replicas: 2, breaker: { enabled: false }, outlier: { enabled: false }, retry: { attempts: 1 } }
"""


class Join(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.system = system.System(MANIFEST, files={"parts.py": PARTS}).start()
        cls.addClassCleanup(cls.system.stop)

    def get(self, path, status=200, method="GET", body=None):
        answer = self.system.ask(method, path, body=body)
        self.assertEqual(answer.status, status, answer)
        return answer, answer.json()

    def test_a_page_of_a_graph_of_calls(self):
        answer, page = self.get("/page/7")
        self.assertEqual(page, {"user": {"id": "7", "name": "Ada"},
                                "orders": [{"id": 1, "of": "7"}, {"id": 2, "of": ""}],
                                "parcels": [{"parcel": "1"}, {"parcel": "2"}],
                                "news": [], "adverts": None, "_missing": ["news", "adverts"]})
        self.assertEqual(list(page), ["user", "orders", "parcels", "news", "adverts", "_missing"])
        self.assertEqual(answer.headers.get("X-Trunkline-Complete"), "false")
        self.assertEqual(answer.headers.get("Content-Type"), "application/json")

    def test_a_required_call_that_fails_decides(self):
        _, problem = self.get("/required/users", 404)
        self.assertEqual(problem["cause"], "incomplete")
        self.assertIn('call "bad": it answered 404', problem["detail"])
        _, problem = self.get("/required/sick", 502)
        self.assertIn("it answered 503", problem["detail"])
        _, problem = self.get("/page/none", 404)
        self.assertIn('call "user": it answered 404', problem["detail"])

    def test_the_call_that_failed_is_named_not_one_that_waited_for_it(self):
        _, problem = self.get("/cascade", 404)
        self.assertIn('call "second": it answered 404', problem["detail"])

    def test_one_deadline_for_all(self):
        _, problem = self.get("/slow", 504)
        self.assertEqual(problem["cause"], "incomplete")
        self.assertIn('call "parcel": upstream_timeout', problem["detail"])
        answer, page = self.get("/hurried")
        self.assertEqual((page["parcel"], page["user"]["id"]), (None, "7"))
        self.assertEqual(answer.headers.get("X-Trunkline-Complete"), "false")

    def test_merging_and_collisions(self):
        answer, page = self.get("/merged")
        self.assertEqual(page, {"name": "Ada", "text": None})  # "hello" is no JSON
        _, problem = self.get("/collides", 502)
        self.assertEqual(problem["detail"], '"id" comes from call "a" and from call "b"')

    def test_the_clients_body_goes_along_where_it_is_said(self):
        _, page = self.get("/body", method="POST", body=b'{"a":1}')
        self.assertEqual(page["echo"]["body"], '{"a":1}')

    def test_what_clients_say_cannot_change_where_a_call_goes(self):
        _, page = self.get("/coded?x=..%2F..%2Fusers%2F7%3Fa%3Db%26c")
        self.assertEqual(page["echo"]["path"], "/echo/..%2F..%2Fusers%2F7%3Fa%3Db%26c")
        self.assertEqual(page["echo"]["query"], {"y": ["../../users/7?a=b&c"]})
        _, problem = self.get("/coded", 502)
        self.assertIn('the request has nothing for "/echo/{query.x}"', problem["detail"])

    def test_arrays_and_answers_are_bounded(self):
        _, problem = self.get("/many", 502)
        self.assertIn("the array has 200 items, 100 are taken", problem["detail"])
        _, page = self.get("/some")
        self.assertEqual(page["each"], [{"parcel": "1"}, {"parcel": "2"}])
        _, problem = self.get("/big", 502)
        self.assertIn("larger than allowed", problem["detail"])

    def test_why_shows_each_call_below_the_request(self):
        answer, _ = self.get("/page/9")
        said = self.system.cli("why", answer.headers.get("X-Trace-Id")).stdout
        self.assertIn("7 hops", said)
        self.assertEqual(said.count("-> parts"), 6, said)
        self.assertIn("join: without news, adverts", said)

    def test_routes_and_plan_know_it(self):
        self.assertIn("parts joined", self.system.cli("routes").stdout)
        text = self.system.manifest.read_text()
        self.system.write(text.replace("fallback: '[]'", "fallback: '{}'"))
        said = self.system.cli("plan").stdout
        self.system.write(text)
        self.assertIn("/page/{id}", said)

    def test_clients_that_leave_end_the_calls(self):
        client = self.system.client()
        client.send(b"GET /hurried HTTP/1.1\r\nHost: a\r\n\r\n")
        client.sock.close()
        self.get("/page/7")


if __name__ == "__main__":
    unittest.main()
