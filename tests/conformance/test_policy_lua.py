# deadline: 200
"""Scripts of routes against the real binary: what they may read and change, and that a broken one fails its own request and
nobody else's."""
import json
import sys
import threading
import unittest

import system
import wire

sys.path.insert(0, str(system.ROOT / "tests"))
SERVICE = system.ROOT / "tests/kit/shape_service.py"

SCRIPTS = {
    "head.lua": """
function on_request(request)
  request:set_header("X-Seen", table.concat({ request.method, request.path, request.query, request.host, request.scheme,
    request.client_ip, request.route, request.service }, "|"))
  request:set_header("X-Agent", request:header("user-agent") or "none")
  request:set_header("X-All", request:headers()["x-two"])
  request:remove_header("X-Secret")
  request:set_header("X-Evil", "a\\r\\nX-Smuggled: 1")
  request:set_header("X-Id", request:value("path.*"))
  request:set_header("X-None", request:value("cookie.none"))
  request:note("seen " .. request.method)
end
function on_response(response)
  response:set_header("X-Status", response.status .. " " .. response.method)
  response:remove_header("X-Powered-By")
  if response.path == "/head/teapot" then response:set_status(418) end
end
""",
    "reply.lua": """
function on_request(request)
  if request.path == "/reply/go" then return end
  return { status = 403, headers = { ["X-Why"] = "so\\nit is", ["Content-Type"] = "text/x-mine" }, body = "no\\n" }
end
""",
    "target.lua": """function on_request(request) request:set_target("/elsewhere?from=" .. request.path) end""",
    "body.lua": """
function on_request_body(request, body)
  local document = json.decode(body)
  if not document then return { status = 400, body = "no JSON" } end
  document.more = { 1, 2, json.null }
  return json.encode(document)
end
function on_response_body(response, body)
  response:set_header("X-Length", tostring(#body))
  return body:upper()
end
""",
    "calls.lua": """
function on_request(request)
  local one = call("echo", { method = "POST", path = "/sub?x=1", headers = { ["X-Sub"] = "y" }, body = "hello" })
  local seen = json.decode(one.body)
  request:set_header("X-Called", one.status .. " " .. seen.method .. " " .. seen.target .. " " .. seen.body .. " " .. (one.headers["content-type"] or "?"))
  local two = call("gone", { path = "/" })
  request:set_header("X-Gone", two.status .. " " .. tostring(two.cause))
  if request.path == "/calls/other" then call("nobody") end
  if request.path == "/calls/many" then while true do call("gone") end end
end
""",
    "broken.lua": """
local kept
function on_request(request)
  local way = request:value("query.way")
  if way == "nil" then nothing.at = 1 end
  if way == "loop" then while true do pcall(function() while true do end end) end end
  if way == "memory" then local t = {} while true do t[#t + 1] = ("x"):rep(10000) .. #t end end
  if way == "arena" then while true do request:set_header("X-A", ("x"):rep(8000)) end end
  if way == "error" then error({ "a table" }) end
  if way == "frame" then request:set_header("Content-Length", "5") end
  if way == "host" then request:set_header("Host", "evil") end
  if way == "name" then request:set_header("X-A: b\\r\\nX-B", "c") end
  if way == "target" then request:set_target("http://evil/") end
  if way == "status" then return { status = 99 } end
  if way == "return" then return 7 end
  if way == "header" then return { status = 200, headers = { ["Transfer-Encoding"] = "chunked" } } end
  if way == "call" then call("echo") end
  if way == "unknown" then return request.nothing end
  if way == "write" then request.path = "/x" end
  if way == "dot" then request.header("x") end
  if way == "template" then request:value("no.such") end
  if way == "keep" then kept = request end
  if way == "kept" then kept:header("x") end
  if way == "recursion" then local function f() return 1 + f() end f() end
  if way == "format" then return { status = 200, body = ("%s"):format(request:headers) } end
end
""".replace('  if way == "format" then return { status = 200, body = ("%s"):format(request:headers) } end\n', ""),
    "late.lua": """
function on_response(response) if response.path == "/late/head" then nothing.at = 1 end end
function on_response_body(response, body) if response.path == "/late/body" then nothing.at = 1 end end
""",
    "version.lua": """function on_request(request) return { status = 200, body = "one" } end""",
}

MANIFEST = """
system: scripts
telemetry: { access_log: none }
gateway:
  listen: <port>
  threads: 1
  routes:
    - { path: /plain/*, to: echo }
    - { path: /head/*, to: echo, policies: { lua: head.lua } }
    - { path: /reply/*, to: echo, policies: { lua: reply.lua } }
    - { path: /target/*, to: echo, policies: { lua: target.lua } }
    - { path: /body/*, to: echo, policies: { lua: { file: body.lua, most: 64KB } } }
    - { path: /calls/*, to: echo, policies: { lua: { file: calls.lua, calls: [echo, gone] } } }
    - { path: /broken/*, to: echo, policies: { lua: { file: broken.lua, memory: 1MB, instructions: 100000 } } }
    - { path: /late/*, to: echo, policies: { lua: late.lua } }
    - { path: /version, to: echo, policies: { lua: version.lua } }
contexts:
  c:
    echo: { run: <python> <service> }
    gone: { address: "127.0.0.1:<closed>" }
"""


class Lua(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.system = system.System(MANIFEST, service=SERVICE, python=system.PYTHON, closed=system.free_port(), files=SCRIPTS)
        cls.system.start(ready=False)
        cls.addClassCleanup(cls.system.stop)
        wire.wait_until(cls.answers, 15, "the service")

    @classmethod
    def answers(cls):
        try:
            return cls.system.ask("GET", "/plain/1").status == 200
        except OSError:
            return False

    def ask(self, path, *headers, method="GET", body=None):
        return self.system.ask(method, path, list(headers), body)

    def seen(self, path, *headers, method="GET", body=None):
        answer = self.ask(path, *headers, method=method, body=body)
        self.assertEqual(answer.status, 200, answer.body)
        return json.loads(answer.body)

    def test_a_head_is_read_and_changed(self):
        answer = self.ask("/head/a%2fb/c?q=1", ("User-Agent", "me"), ("X-Two", "1"), ("X-Secret", "s"), ("X-None", "forged"))
        sent = {name.lower(): value for name, value in json.loads(answer.body)["headers"]}
        self.assertEqual(sent["x-seen"], "GET|/head/a%2Fb/c|q=1|conform.test|http|127.0.0.1|/head/*|echo")
        self.assertEqual((sent["x-agent"], sent["x-all"]), ("me", "1"))
        self.assertNotIn("x-secret", sent)
        self.assertNotIn("x-none", sent)
        self.assertNotIn("x-smuggled", sent)
        self.assertEqual(sent["x-evil"], "a%0D%0AX-Smuggled: 1")
        self.assertEqual(answer.headers.get("X-Status"), "200 GET")
        self.assertIsNone(answer.headers.get("X-Powered-By"))
        self.assertEqual(self.ask("/head/teapot").status, 418)
        self.assertEqual(self.ask("/head/x", method="HEAD").headers.get("X-Status"), "200 HEAD")

    def test_it_answers_in_the_services_place(self):
        answer = self.ask("/reply/x")
        self.assertEqual((answer.status, answer.body), (403, b"no\n"))
        self.assertEqual((answer.headers.get("X-Why"), answer.headers.get("Content-Type")), ("so%0Ait is", "text/x-mine"))
        self.assertEqual(self.ask("/reply/go").status, 200)

    def test_it_chooses_what_the_service_is_asked_for(self):
        self.assertEqual(self.seen("/target/x?y=1")["target"], "/elsewhere?from=/target/x")

    def test_bodies_are_read_and_changed(self):
        answer = self.ask("/body/x", ("Content-Type", "application/json"), ("Content-MD5", "of-what-was"), method="POST",
                          body=b'{"a": "b"}')
        self.assertNotIn(b"OF-WHAT-WAS", answer.body)
        self.assertEqual(answer.status, 200, answer.body)
        self.assertEqual(json.loads(json.loads(answer.body.lower())["body"]), {"a": "b", "more": [1, 2, None]})
        self.assertIn(b'"METHOD"', answer.body)
        self.assertEqual(int(answer.headers.get("X-Length")), len(answer.body))
        self.assertEqual(self.ask("/body/x", method="POST", body=b"{").status, 400)
        self.assertEqual(self.ask("/body/x", method="POST", body=b"[" * 60000).status, 400)
        self.assertEqual(self.ask("/body/x", method="POST", body=b"x" * 70000).status, 413)

    def test_it_calls_services_that_the_policy_names(self):
        sent = {name.lower(): value for name, value in self.seen("/calls/x")["headers"]}
        self.assertEqual(sent["x-called"], "200 POST /sub?x=1 hello application/json")
        self.assertEqual(sent["x-gone"], "502 upstream_connect_failed")
        answer = self.ask("/calls/other")
        self.assertEqual((answer.status, json.loads(answer.body)["cause"]), (500, "script_failed"))
        answer = self.ask("/calls/many")
        self.assertEqual((answer.status, json.loads(answer.body)["cause"]), (500, "script_failed"))
        told = self.system.cli("why", answer.headers.get("X-Trace-Id")).stdout
        self.assertRegex(told, "calls more than 64 times|longer than its timeout")

    def test_a_broken_script_fails_its_own_request(self):
        stop = threading.Event()
        others = []

        def go_on():
            while not stop.is_set():
                others.append(self.ask("/plain/1").status)
                others.append(self.ask("/broken/1?way=fine").status)

        thread = threading.Thread(target=go_on)
        thread.start()
        why = {"nil": "global 'nothing'", "loop": "more than 100000 instructions", "memory": "not enough memory",
               "arena": "256 KB", "error": "no text", "frame": "Content-Length", "host": "Host", "name": "no header name",
               "target": "must begin with /", "status": "200 to 599", "return": "must return", "header": "Transfer-Encoding",
               "call": "call() is for", "unknown": "there is no", "write": "cannot be written", "dot": "colon",
               "template": "no.such", "recursion": "stack overflow"}
        for _ in range(3):
            for way, word in why.items():
                with self.subTest(way):
                    answer = self.ask(f"/broken/1?way={way}")
                    self.assertEqual((answer.status, json.loads(answer.body)["cause"]), (500, "script_failed"))
                    told = self.system.cli("why", answer.headers.get("X-Trace-Id")).stdout
                    self.assertIn(word, told)
            self.assertEqual(self.ask("/broken/1?way=keep").status, 200)
            answer = self.ask("/broken/1?way=kept")
            self.assertEqual(answer.status, 500)
        stop.set()
        thread.join()
        self.assertGreater(len(others), 3)
        self.assertEqual(set(others), {200})

    def test_an_answer_that_a_script_breaks_is_a_failure(self):
        for path in ("/late/head", "/late/body"):
            answer = self.ask(path)
            self.assertEqual((answer.status, json.loads(answer.body)["cause"]), (500, "script_failed"), path)
        self.assertEqual(self.ask("/late/head", method="HEAD").status, 500)
        self.assertEqual(self.ask("/late/well").status, 200)

    def test_z_a_changed_script_comes_with_the_next_apply(self):
        self.assertEqual(self.ask("/version").body, b"one")
        file = self.system.folder / "version.lua"
        file.write_text(file.read_text().replace("one", "two"))
        self.assertEqual(self.ask("/version").body, b"one")
        self.assertEqual(self.system.cli("apply").returncode, 0)
        self.assertEqual(self.ask("/version").body, b"two")
        file.write_text("function on_request(")
        failed = self.system.cli("apply")
        self.assertEqual(failed.returncode, 2)
        self.assertIn("version.lua:1:", failed.stdout + failed.stderr)
        self.assertEqual(self.ask("/version").body, b"two")


if __name__ == "__main__":
    unittest.main()
