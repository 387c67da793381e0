# deadline: 180
"""Who may ask, by a real client against the real binary: ip, agents and size policies, proxies that are trusted and those
that are not, the PROXY protocol."""
import json
import pathlib
import socket
import ssl
import struct
import sys
import tempfile
import unittest

import system

sys.path.insert(0, str(system.ROOT / "tests"))
from kit import mmdb  # noqa: E402

SERVICE = system.ROOT / "tests/kit/shape_service.py"
MANIFEST = """
system: guard
telemetry: { access_log: none }
gateway:
  listen: <port>
  routes:
    - { path: /echo/*, to: echo }
    - { path: /office/*, to: echo, policies: { ip: [203.0.113.0/24, "2001:db8::/32"] } }
    - { path: /noton/*, to: echo, policies: { ip: { allow: [203.0.113.0/24], deny: 203.0.113.9 } } }
    - { path: /robots/*, to: echo, policies: { agents: { deny: [Scrapy, "/^python-requests/[0-9]/"], need: true } } }
    - { path: /ours/*, to: echo, policies: { agents: { allow: ["shop-app/"] } } }
    - { path: /small/*, to: echo, policies: { size: { request: 1000, response: 2000 } } }
  <more>
contexts:
  test:
    echo: { run: "<python> <service>", health: /healthz }
"""
TRUSTING = "trusted_proxies: [127.0.0.0/8, 10.0.0.0/8]"


def start(case, more=""):
    started = system.System(MANIFEST, service=SERVICE, more=more).start()
    case.addClassCleanup(started.stop)
    return started


def echoed(answer):
    told = json.loads(answer.body)
    return {name.lower(): value for name, value in told["headers"]}


class Guards(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.system = start(cls)

    def status(self, path, **headers):
        return self.system.ask("GET", path, [(n.replace("_", "-"), v) for n, v in headers.items()]).status

    def test_an_address_that_is_not_listed_is_refused_whatever_it_claims(self):
        for claims in [{}, {"X_Forwarded_For": "203.0.113.7"}, {"Forwarded": "for=203.0.113.7"}, {"X_Real_IP": "203.0.113.7"},
                       {"X_Forwarded_For": "203.0.113.7", "Forwarded": "for=203.0.113.7"}]:
            answer = self.system.ask("GET", "/office/x", [(n.replace("_", "-"), v) for n, v in claims.items()])
            self.assertEqual((answer.status, json.loads(answer.body)["cause"]), (403, "blocked"), claims)

    def test_why_tells_of_it(self):
        answer = self.system.ask("GET", "/office/x")
        self.assertIn("ip: not on the allow list", self.system.cli("why", answer.headers.get("X-Trace-Id"), "--json").stdout)

    def test_programs_by_their_name(self):
        for agent, status in [("curl/8", 200), ("my scrapy bot", 403), ("SCRAPY/2", 403), ("python-requests/2.31", 403),
                              ("a python-requests/2", 200), ("python-requests/x", 200), ("", 403)]:
            self.assertEqual(self.status("/robots/x", User_Agent=agent), status, agent)
        self.assertEqual(self.system.ask("GET", "/robots/x").status, 403, "a User-Agent is needed")
        self.assertEqual(self.status("/ours/x", User_Agent="Shop-App/3"), 200)
        self.assertEqual(self.status("/ours/x", User_Agent="curl/8"), 403)

    def test_bodies_that_are_too_large(self):
        self.assertEqual(self.system.ask("POST", "/small/echo", body=b"x" * 1000).status, 200)
        answer = self.system.ask("POST", "/small/echo", body=b"x" * 1001)
        self.assertEqual((answer.status, json.loads(answer.body)["cause"]), (413, "body_too_large"))
        self.assertEqual(self.system.ask("POST", "/echo/echo", body=b"x" * 1001).status, 200)

    def test_a_chunked_body_is_counted_while_it_streams(self):
        for sizes, status in [((400, 600), 200), ((400, 601), 413), ((3000,), 413)]:
            with socket.create_connection(("127.0.0.1", self.system.port), 10) as sock:
                head = b"POST /small/echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
                sock.sendall(head + b"".join(b"%x\r\n%s\r\n" % (size, b"x" * size) for size in sizes) + b"0\r\n\r\n")
                self.assertEqual(read_all(sock).split(b" ", 2)[1], str(status).encode(), sizes)

    def test_answers_that_are_too_large(self):
        self.assertEqual(self.system.ask("GET", "/small/text?bytes=2000&known=1").status, 200)
        answer = self.system.ask("GET", "/small/text?bytes=2001&known=1")
        self.assertEqual((answer.status, json.loads(answer.body)["cause"]), (502, "bad_upstream_answer"))


def read_all(sock):
    data = b""
    while piece := sock.recv(65536):
        data += piece
    return data


def closed(sock):
    """Whether the other end has closed, in order or by a reset."""
    try:
        return sock.recv(10) == b""
    except ConnectionResetError:
        return True


class TrustedProxies(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.system = start(cls, TRUSTING)
        cls.other = start(cls, 'trusted_proxies: { from: 127.0.0.1, by: forwarded }')
        cls.stranger = start(cls, "trusted_proxies: 10.0.0.0/8")

    def status(self, path, *headers, of=None):
        return (of or self.system).ask("GET", path, list(headers)).status

    def test_the_client_is_the_right_most_address_that_is_no_proxy(self):
        for chain, status in [(["203.0.113.7"], 200), (["198.51.100.1, 203.0.113.7"], 200), (["203.0.113.7, 198.51.100.1"], 403),
                              (["203.0.113.7, 10.1.2.3"], 200),
                              (["203.0.113.7:4711"], 200), (["[2001:db8::7]:80"], 200), (["2001:db8::7"], 200),
                              (["203.0.113.7, unknown"], 403), (["203.0.113.7, "], 403), (["203.0.113.7,, 10.0.0.1"], 403),
                              (["203.0.113.7 evil"], 403), (["::ffff:203.0.113.7"], 200), ([""], 403), ([], 403),
                              (["203.0.113.7" + ", 10.0.0.1" * 40], 403)]:
            self.assertEqual(self.status("/office/x", *[("X-Forwarded-For", value) for value in chain]), status, chain)

    def test_several_lines_are_one_list(self):
        with self.system.client() as client:
            client.send(b"GET /office/x HTTP/1.1\r\nHost: conform.test\r\nX-Forwarded-For: 203.0.113.7\r\n"
                        b"X-Forwarded-For: 10.1.2.3, 10.0.0.1\r\n\r\n")
            self.assertEqual(client.response("GET").status, 200)

    def test_the_other_field_is_never_believed(self):
        self.assertEqual(self.status("/office/x", ("Forwarded", "for=203.0.113.7")), 403)
        self.assertEqual(self.status("/office/x", ("X-Forwarded-For", "203.0.113.7"), of=self.other), 403)
        for value, status in [("for=203.0.113.7", 200), ('for="203.0.113.7:80";proto=https', 200), ('proto=http;For="[2001:db8::7]"', 200),
                              ("for=203.0.113.7, for=198.51.100.1", 403), ("for=203.0.113.7, for=unknown", 403),
                              ("for=203.0.113.7, for=_hidden", 403), ("203.0.113.7", 403), ('for="203.0.113.7', 403)]:
            self.assertEqual(self.status("/office/x", ("Forwarded", value), of=self.other), status, value)

    def test_a_peer_that_is_no_trusted_proxy_changes_nothing(self):
        for headers in [[("X-Forwarded-For", "203.0.113.7")], [("X-Forwarded-For", "203.0.113.7, 10.0.0.1")],
                        [("Forwarded", "for=203.0.113.7")]]:
            self.assertEqual(self.status("/office/x", *headers, of=self.stranger), 403, headers)
        told = echoed(self.stranger.ask("GET", "/echo/x", [("X-Forwarded-For", "203.0.113.7"), ("X-Forwarded-Proto", "https")]))
        self.assertEqual(told["x-forwarded-for"], "127.0.0.1")
        self.assertEqual(told["x-forwarded-proto"], "http")

    def test_deny_goes_by_the_client_too(self):
        self.assertEqual(self.status("/noton/x", ("X-Forwarded-For", "203.0.113.8")), 200)
        self.assertEqual(self.status("/noton/x", ("X-Forwarded-For", "203.0.113.9")), 403)

    def test_services_and_records_see_the_client(self):
        answer = self.system.ask("GET", "/echo/x", [("X-Forwarded-For", "198.51.100.1, 203.0.113.7"), ("X-Forwarded-Proto", "https"),
                                                    ("Forwarded", "for=6.6.6.6")])
        told = echoed(answer)
        self.assertEqual(told["x-forwarded-for"], "198.51.100.1, 203.0.113.7, 127.0.0.1")
        self.assertEqual(told["forwarded"], 'for=203.0.113.7;host="conform.test";proto=https')
        self.assertEqual(told["x-forwarded-proto"], "https")
        self.assertIn("203.0.113.7", self.system.cli("why", answer.headers.get("X-Trace-Id"), "--json").stdout)


V2 = b"\r\n\r\n\0\r\nQUIT\n"


def v2(address="203.0.113.7", command=0x21, family=0x11, tail=b""):
    rest = socket.inet_aton(address) + socket.inet_aton("127.0.0.1") + struct.pack(">HH", 40000, 80) + tail
    return V2 + bytes([command, family]) + struct.pack(">H", len(rest)) + rest


class ProxyProtocol(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.system = start(cls, "proxy_protocol: 127.0.0.1\n  timeouts: { head: 1s }")
        cls.lenient = start(cls, "proxy_protocol: { from: 127.0.0.1, required: false }\n  tls: local")
        cls.stranger = start(cls, "proxy_protocol: 10.0.0.0/8")

    REQUEST = b"GET /office/x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

    def said(self, *parts, of=None, wrap=None):
        """All that comes back for these bytes, sent one after the other."""
        with socket.create_connection(("127.0.0.1", (of or self.system).port), 10) as sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                for part in parts:
                    sock.sendall(part)
                if wrap:
                    with wrap.wrap_socket(sock, server_hostname="localhost") as secure:
                        secure.sendall(self.REQUEST)
                        return read_all(secure)
                return read_all(sock)
            except (ConnectionResetError, BrokenPipeError):
                return b""

    def assertStatus(self, said, status):
        self.assertTrue(said.startswith(b"HTTP/1.1 %d " % status), said[:200])

    def test_the_announced_client_is_the_client(self):
        for header in [b"PROXY TCP4 203.0.113.7 127.0.0.1 40000 80\r\n", v2(), v2(tail=b"\x04\0\x01\0"),
                       b"PROXY TCP6 2001:db8::7 ::1 40000 80\r\n"]:
            self.assertStatus(self.said(header + self.REQUEST), 200)
        for header in [b"PROXY TCP4 198.51.100.7 127.0.0.1 40000 80\r\n", v2("198.51.100.7"), b"PROXY UNKNOWN\r\n",
                       V2 + b"\x20\0\0\0"]:
            self.assertStatus(self.said(header + self.REQUEST), 403)
        said = self.said(v2() + self.REQUEST.replace(b"office", b"echo"))
        told = {name.lower(): value for name, value in json.loads(said.partition(b"\r\n\r\n")[2])["headers"]}
        self.assertEqual(told["x-forwarded-for"], "203.0.113.7")

    def test_it_may_come_byte_by_byte(self):
        header = v2() + self.REQUEST
        self.assertStatus(self.said(*[header[i:i + 1] for i in range(len(header))]), 200)

    def test_what_is_no_header_closes_the_connection(self):
        for first in [self.REQUEST, b"PROXY TCP4 203.0.113.7\r\n" + self.REQUEST, v2(command=0x11) + self.REQUEST,
                      v2(family=0x12) + self.REQUEST, b"PROXY " + b"x" * 200, b"\x16\x03\x01"]:
            self.assertEqual(self.said(first), b"", first)

    def test_half_a_header_is_waited_for_and_no_longer(self):
        with socket.create_connection(("127.0.0.1", self.system.port), 10) as sock:
            sock.sendall(b"PROXY TCP4 203")
            self.assertTrue(closed(sock))
        with socket.create_connection(("127.0.0.1", self.system.port), 10) as sock:
            sock.sendall(b"PROXY TCP4 203")
            sock.shutdown(socket.SHUT_WR)
            self.assertTrue(closed(sock))
        self.assertStatus(self.said(v2() + self.REQUEST), 200)

    def test_a_second_header_is_no_http(self):
        self.assertStatus(self.said(v2() + v2() + self.REQUEST), 400)

    def test_before_tls_and_where_it_is_not_required(self):
        trusting = ssl.create_default_context()
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        self.assertStatus(self.said(v2(), of=self.lenient, wrap=trusting), 200)
        self.assertStatus(self.said(of=self.lenient, wrap=trusting), 403)

    def test_strangers_headers_are_not_read(self):
        self.assertStatus(self.said(self.REQUEST, of=self.stranger), 403)
        # No version of HTTP begins so: closed without an answer.
        self.assertEqual(self.said(b"PROXY TCP4 203.0.113.7 127.0.0.1 40000 80\r\n" + self.REQUEST, of=self.stranger), b"")


class Countries(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        routes = "".join(f"\n    - {{ path: /{name}/*, to: echo, policies: {{ geo: {{ file: geo.mmdb, {rule} }} }} }}" for name, rule in
                         [("allow", "allow: [CH, DE]"), ("deny", "deny: FR, unknown: allow"), ("both", "allow: [CH, DE], deny: [DE]")])
        cls.system = system.System(MANIFEST.replace("routes:", "routes:" + routes), service=SERVICE, more=TRUSTING)
        cls.data = mmdb.database({"203.0.113.0/24": "CH", "198.51.100.0/25": "DE", "192.0.2.7/32": "FR", "2001:db8::/32": "FR"})
        (cls.system.folder / "geo.mmdb").write_bytes(cls.data)
        cls.system.start()
        cls.addClassCleanup(cls.system.stop)

    def ask(self, path, client):
        return self.system.ask("GET", path, [("X-Forwarded-For", client)])

    def test_by_the_clients_country(self):
        for client, allow, deny, both in [("203.0.113.9", 200, 200, 200), ("198.51.100.127", 200, 200, 403),
                                          ("198.51.100.128", 403, 200, 403), ("192.0.2.7", 403, 403, 403), ("192.0.2.8", 403, 200, 403),
                                          ("2001:db8::1", 403, 403, 403), ("2001:db9::1", 403, 200, 403)]:
            for path, status in [("/allow/x", allow), ("/deny/x", deny), ("/both/x", both)]:
                self.assertEqual(self.ask(path, client).status, status, (client, path))
        answer = self.ask("/allow/x", "192.0.2.7")
        self.assertEqual(json.loads(answer.body)["cause"], "blocked")
        self.assertIn("geo: FR", self.system.cli("why", answer.headers.get("X-Trace-Id"), "--json").stdout)

    def test_later_a_file_that_is_truncated_beneath_it_changes_nothing(self):
        (self.system.folder / "geo.mmdb").write_bytes(b"")
        self.assertEqual(self.ask("/allow/x", "203.0.113.9").status, 200)
        broken = self.system.cli("check")
        self.assertEqual(broken.returncode, 2)
        self.assertIn("is no database of addresses", broken.stdout + broken.stderr)
        (self.system.folder / "geo.mmdb").write_bytes(mmdb.database({"203.0.113.0/24": "FR"}))
        self.assertEqual(self.system.cli("apply", timeout=60).returncode, 0)
        self.assertEqual(self.ask("/allow/x", "203.0.113.9").status, 403)


class Checks(unittest.TestCase):
    def check(self, gateway):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "trunkline.yaml"
            file.write_text("system: s\ngateway: { " + gateway + " }\ncontexts: { c: { a: { address: \"127.0.0.1:1\" } } }\n")
            return system.run("check", "--manifest", file, cwd=folder).stderr

    def test_mistakes_are_found(self):
        for gateway, said in [("policies: { ip: [10.0.0.0/33] }", "a number of bits from 0 to 32"),
                              ("policies: { ip: 10.1.2.3/8 }", "did you mean 10.0.0.0/8?"),
                              ("policies: { ip: office }", "must be an IP address or a network"),
                              ("policies: { ip: {} }", 'needs "allow" or "deny"'),
                              ("policies: { agents: '/(/' }", "is no regular expression that RE2 takes"),
                              ("policies: { agents: {} }", 'needs "deny", "allow" or "need"'),
                              ("policies: { size: {} }", 'needs "request" or "response"'),
                              ("trust_forwarded: true, trusted_proxies: 10.0.0.0/8", "trust_forwarded believes everybody"),
                              ("proxy_protocol: {}", "from")]:
            with self.subTest(gateway):
                self.assertIn(said, self.check(gateway))


if __name__ == "__main__":
    unittest.main()
