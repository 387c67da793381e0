#!/usr/bin/env python3
# deadline: 180
"""TLS at the gateway and to services, with real clients: Python's ssl, openssl s_client, curl, Node."""
import http.client
import http.server
import json
import os
import pathlib
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import system
import wire

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from kit import certificates  # noqa: E402

MANIFEST = """
system: secure
telemetry: { access_log: none }
gateway:
  listen: [<port>, "http://127.0.0.1:<plain>", "https://127.0.0.1:<second>"]
  timeouts: { handshake: 700ms }
  tls:
    certificates:
      - { cert: <certs>/first.pem, key: <certs>/first.key }
      - { cert: <certs>/rsa.pem, key: <certs>/rsa.key }
      - { cert: <certs>/wild.pem, key: <certs>/wild.key }
      - { cert: <certs>/both.pem }
    client_auth: { ca: <certs>/ca.pem, mode: optional }
    redirect: true
  routes:
    - { path: /plain/*, to: plain }
    - { path: /good/*, to: good }
    - { path: /named/*, to: named }
    - { path: /mutual/*, to: mutual }
    - { path: /unshown/*, to: unshown }
    - { path: /expired/*, to: expired }
    - { path: /wrong/*, to: wrong }
    - { path: /stranger/*, to: stranger }
    - { path: /notls/*, to: notls }
contexts:
  test:
    plain: { address: "127.0.0.1:<backend>" }
    good: { address: "https://localhost:<good>", tls: { ca: <certs>/ca.pem }, health: { http: /health } }
    named: { address: "127.0.0.1:<good>", tls: { ca: <certs>/ca.pem, name: localhost } }
    mutual: { address: "https://localhost:<mutual>", tls: { ca: <certs>/ca.pem, cert: <certs>/me.pem, key: <certs>/me.key } }
    unshown: { address: "https://localhost:<mutual>", tls: { ca: <certs>/ca.pem } }
    expired: { address: "https://localhost:<expired>", tls: { ca: <certs>/ca.pem } }
    wrong: { address: "https://localhost:<wrong>", tls: { ca: <certs>/ca.pem } }
    stranger: { address: "https://localhost:<good>" }
    notls: { address: "https://127.0.0.1:<backend>", tls: { ca: <certs>/ca.pem } }
"""


class Echo(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = json.dumps({"headers": dict(self.headers), "resumed": getattr(self.connection, "session_reused", None),
                           "client": (getattr(self.connection, "getpeercert", lambda: None)() or {}).get("subject")}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, context=None):
        super().__init__(("127.0.0.1", 0), Echo)
        self.context = context
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def finish_request(self, request, client_address):
        if self.context:
            try:
                request = self.context.wrap_socket(request, server_side=True)
            except OSError:
                return
        try:
            super().finish_request(request, client_address)
        except OSError:
            pass
        finally:
            request.close()

    def handle_error(self, request, client_address):
        pass


def server_context(pair, client_ca=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pair)
    if client_ca:
        context.load_verify_locations(client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


@unittest.skipUnless(certificates.available(), "openssl is not installed")
class Tls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory(prefix="trunkline-tls-")
        cls.certs = pathlib.Path(cls.scratch.name)
        cls.authority = certificates.Authority(cls.certs)
        cls.stranger = certificates.Authority(cls.certs, "stranger", "stranger")
        sign = cls.authority.sign
        sign("first", "first.test", "127.0.0.1")
        sign("rsa", "first.test", key="rsa")
        sign("wild", "*.wild.test")
        pem, key = sign("both", "both.test")
        pem.write_text(pem.read_text() + key.read_text())
        sign("me", "gateway.test", "spiffe://secure/gateway", subject="/O=Kit/CN=gateway.test")
        cls.stranger.sign("foreign", "foreign.test")
        cls.stale = sign("stale", "stale.test", days=-1)
        good = sign("good", "localhost")
        expired = sign("expired", "localhost", days=-1)
        wrong = sign("wrong", "elsewhere.test")
        cls.servers = {"backend": Server(), "good": Server(server_context(good)),
                       "mutual": Server(server_context(good, cls.authority.pem)),
                       "expired": Server(server_context(expired)), "wrong": Server(server_context(wrong))}
        cls.plain, cls.second = system.free_port(), system.free_port()
        cls.system = system.System(MANIFEST, certs=cls.certs, plain=cls.plain, second=cls.second,
                                   **{name: server.port for name, server in cls.servers.items()})
        cls.system.start(ready=False)
        wire.wait_until(lambda: cls.system.cli("services", "--json").returncode == 0 and cls.ask("/plain/", check=False),
                        15, "the gateway to answer")

    @classmethod
    def tearDownClass(cls):
        try:
            cls.system.stop()
        finally:
            for server in cls.servers.values():
                server.shutdown()
                server.server_close()
            cls.scratch.cleanup()

    # ---- a client

    @classmethod
    def context(cls, certificate=None, **changes):
        context = ssl.create_default_context(cafile=str(cls.authority.pem))
        if certificate:
            context.load_cert_chain(cls.certs / f"{certificate}.pem", cls.certs / f"{certificate}.key")
        for name, value in changes.items():
            setattr(context, name, value)
        return context

    @classmethod
    def connect(cls, name="first.test", context=None, port=None, session=None):
        raw = socket.create_connection(("127.0.0.1", port or cls.system.port), 5)
        try:
            return (context or cls.context()).wrap_socket(raw, server_hostname=name, session=session)
        except BaseException:
            raw.close()
            raise

    @classmethod
    def ask(cls, path, headers=None, check=True, **options):
        """(status, JSON of the answer, headers)."""
        connection = http.client.HTTPConnection("first.test")
        try:
            connection.sock = cls.connect(**options)
            connection.request("GET", path, headers=headers or {})
            answer = connection.getresponse()
            body = answer.read()
        except OSError:
            if check:
                raise
            return None
        finally:
            connection.close()
        return answer.status, json.loads(body or b"{}"), answer.headers

    def names_shown(self, name, **options):
        with self.connect(name, **options) as client:
            return [value for _, value in client.getpeercert()["subjectAltName"]]

    # ---- as a server

    def test_each_name_gets_its_certificate(self):
        self.assertEqual(self.names_shown("first.test"), ["first.test", "127.0.0.1"])
        self.assertEqual(self.names_shown("any.wild.test"), ["*.wild.test"])
        self.assertEqual(self.names_shown("both.test"), ["both.test"])
        self.assertEqual(self.names_shown("127.0.0.1"), ["first.test", "127.0.0.1"])
        self.assertEqual(self.names_shown("first.test", port=self.second), ["first.test", "127.0.0.1"])
        with self.assertRaisesRegex(ssl.SSLError, "Hostname mismatch"):
            self.connect("unknown.test")

    def test_a_client_without_elliptic_signatures_gets_the_rsa_certificate(self):
        def key(*arguments):
            done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{self.system.port}", "-servername",
                                   "first.test", *arguments], input="", capture_output=True, text=True, timeout=10, check=False)
            return next(line for line in done.stdout.splitlines() if line.startswith("Peer signature type"))
        self.assertIn("ECDSA", key())
        self.assertIn("RSA", key("-sigalgs", "rsa_pss_rsae_sha256:RSA+SHA256"))
        self.assertIn("RSA", key("-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"))

    def test_versions_before_1_2_and_weak_ciphers_are_refused(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            with self.connect(context=self.context(minimum_version=version, maximum_version=version)) as client:
                self.assertEqual(client.version(), version.name.replace("_", "."))
        def s_client(*arguments):
            return subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{self.system.port}", *arguments],
                                  input="", capture_output=True, text=True, timeout=10, check=False)
        for arguments in (("-tls1", "-cipher", "ALL:@SECLEVEL=0"), ("-tls1_1", "-cipher", "ALL:@SECLEVEL=0"),
                          ("-tls1_2", "-cipher", "AES128-SHA"), ("-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA")):
            done = s_client(*arguments)
            self.assertNotEqual(done.returncode, 0, done.stdout)
            self.assertIn("alert", done.stderr)

    def test_alpn(self):
        for offered, agreed in ((["http/1.1"], "http/1.1"), (["spdy/3", "http/1.1"], "http/1.1"), ([], None),
                                (["http/1.1", "h2"], "h2")):
            context = self.context()
            if offered:
                context.set_alpn_protocols(offered)
            with self.connect(context=context) as client:
                self.assertEqual(client.selected_alpn_protocol(), agreed)
        context = self.context()
        context.set_alpn_protocols(["imap"])
        with self.assertRaisesRegex(ssl.SSLError, "no application protocol|NO_APPLICATION_PROTOCOL"):
            self.connect(context=context)

    def test_sessions_are_resumed_whatever_core_answers(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = self.context(minimum_version=version, maximum_version=version)
            session, reused = None, 0
            for _ in range(12):
                with self.connect(context=context, session=session) as client:
                    client.sendall(b"GET /plain/ HTTP/1.1\r\nHost: first.test\r\nConnection: close\r\n\r\n")
                    while client.recv(65536):
                        pass
                    reused += client.session_reused
                    session = client.session
            self.assertEqual(reused, 11, version)
        self.assertRegex(self.metrics(), r'trunkline_tls_resumed_total\{door="gateway"\} [1-9]')

    def test_services_learn_that_the_client_came_by_https_and_nothing_that_it_made_up(self):
        status, body, _ = self.ask("/plain/", {"X-Forwarded-Client-Cert": "Subject=\"CN=root\"", "X-Forwarded-Proto": "x"})
        self.assertEqual(status, 200)
        seen = {name.lower(): value for name, value in body["headers"].items()}
        self.assertEqual(seen["x-forwarded-proto"], "https")
        self.assertIn("proto=https", seen["forwarded"])
        self.assertNotIn("x-forwarded-client-cert", seen)

    def test_services_learn_whose_certificate_the_client_has_shown(self):
        _, body, _ = self.ask("/plain/", {"X-Forwarded-Client-Cert": "Subject=\"CN=root\""}, context=self.context("me"))
        digest = certificates.openssl("x509", "-in", self.certs / "me.pem", "-noout", "-fingerprint", "-sha256")
        digest = digest.strip().partition("=")[2].replace(":", "").lower()
        found = [value for name, value in body["headers"].items() if name.lower() == "x-forwarded-client-cert"]
        self.assertEqual(found, [f'Hash={digest};Subject="CN=gateway.test,O=Kit";URI=spiffe://secure/gateway;DNS=gateway.test'])
        for shown in ("foreign", "stale"):
            with self.assertRaises(OSError):
                self.ask("/plain/", context=self.context(shown))

    def test_plain_listeners_send_clients_to_https(self):
        answer = wire.ask(self.plain, "GET", "/a/b?c=d", host="shop.test:80")
        self.assertEqual((answer.status, answer.headers.get("location")),
                         (308, f"https://shop.test:{self.system.port}/a/b?c=d"))

    # ---- hostile and clumsy clients

    def raw(self, data, seconds=3.0):
        """What comes back on these bytes, and how long until the end."""
        began = time.monotonic()
        with socket.create_connection(("127.0.0.1", self.system.port), 5) as client:
            client.settimeout(seconds)
            client.sendall(data)
            got = b""
            try:
                while piece := client.recv(65536):
                    got += piece
            except ConnectionResetError:
                pass
            return got, time.monotonic() - began

    def test_plain_http_is_told_to_use_https(self):
        for method in ("GET", "POST", "HEAD", "PUT"):
            got, _ = self.raw(f"{method} / HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            self.assertTrue(got.startswith(b"HTTP/1.1 400 Bad Request\r\n"), got)
            self.assertIn(b"Ask for https://", got)

    def test_garbage_and_silence_end_soon_and_harm_nobody(self):
        for data in (b"\x00" * 300, os.urandom(2000), b"\x16\x03\x01\xff\xff" + b"\x01" * 400, b"SSH-2.0-x\r\n"):
            got, took = self.raw(data)
            self.assertLess(len(got), 100)
            self.assertLess(took, 2.9)
        for data in (b"", b"\x16\x03\x01\x02\x00\x01\x00"):
            _, took = self.raw(data)
            self.assertGreater(took, 0.6)
            self.assertLess(took, 2.9)
        self.assertEqual(self.ask("/plain/")[0], 200)
        self.assertRegex(self.metrics(), r'trunkline_tls_failures_total\{door="gateway"\} [1-9]')

    def test_a_client_cannot_renegotiate(self):
        client = subprocess.Popen(["openssl", "s_client", "-connect", f"127.0.0.1:{self.system.port}", "-tls1_2"],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            said, _ = client.communicate(b"R\n", timeout=10)
        finally:
            client.kill()
        self.assertIn(b"RENEGOTIATING", said)
        self.assertIn(b"no renegotiation", said)

    def test_a_client_may_change_its_keys(self):
        client = subprocess.Popen(["openssl", "s_client", "-connect", f"127.0.0.1:{self.system.port}", "-tls1_3"],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        guard = threading.Timer(10, client.kill)
        guard.start()
        try:
            for _ in range(3):
                client.stdin.write(b"K\n")  # and asks for new ones in return
                client.stdin.flush()
                while b"KEYUPDATE" not in (line := client.stdout.readline()):
                    self.assertTrue(line, "s_client has ended")
            client.stdin.write(b"GET /plain/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            client.stdin.flush()
            self.assertIn(b"HTTP/1.1 200 OK", client.stdout.read())
        finally:
            guard.cancel()
            client.kill()
            client.communicate()

    def test_a_request_that_breaks_off_without_close_notify_is_none(self):
        seen = self.ask("/plain/")[0]
        self.assertEqual(seen, 200)
        client = self.connect()
        client.sendall(b"POST /plain/ HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nabc")
        socket.socket.shutdown(client, socket.SHUT_RDWR)
        client.close()
        self.assertEqual(self.ask("/plain/")[0], 200)

    # ---- to services

    def test_services_with_a_good_certificate_are_reached(self):
        for path in ("/good/", "/named/"):
            status, body, _ = self.ask(path)
            self.assertEqual(status, 200, body)
        status, body, _ = self.ask("/mutual/")
        self.assertEqual(status, 200, body)
        self.assertIn([["commonName", "gateway.test"]], body["client"])
        self.assertEqual(self.system.json("services") and [s["state"] for s in self.services() if s["name"] == "good"], ["healthy"])

    def services(self):
        found = self.system.json("services")
        return found["services"] if isinstance(found, dict) else found

    def metrics(self):
        """The metrics page, by the admin socket."""
        with socket.socket(socket.AF_UNIX) as admin:
            admin.connect(str(self.system.folder / ".trunkline" / "admin.sock"))
            admin.sendall(b"GET /metrics HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n")
            return b"".join(iter(lambda: admin.recv(65536), b"")).decode()

    def refused(self, path):
        status, problem, headers = self.ask(path)
        self.assertEqual(status, 502, problem)
        why = self.system.cli("why", headers["X-Trace-Id"]).stdout
        self.assertIn(problem["cause"], why + json.dumps(problem))
        return problem["cause"], problem["detail"], why

    def test_certificates_of_services_are_verified_and_the_answer_says_what_is_wrong(self):
        yesterday = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 86400))
        cause, detail, _ = self.refused("/expired/")
        self.assertEqual(cause, "upstream_certificate_expired")
        self.assertIn(f"the certificate of CN=localhost expired on {yesterday}", detail)
        cause, detail, _ = self.refused("/wrong/")
        self.assertEqual(cause, "upstream_certificate_mismatch")
        self.assertIn("the certificate is for elsewhere.test, not for localhost", detail)
        cause, detail, _ = self.refused("/stranger/")
        self.assertEqual(cause, "upstream_certificate_untrusted")
        self.assertIn("issued by CN=kit authority, is not trusted", detail)
        cause, detail, _ = self.refused("/unshown/")
        self.assertEqual(cause, "upstream_certificate_untrusted")
        self.assertIn("does not accept our certificate", detail)
        cause, detail, _ = self.refused("/notls/")
        self.assertEqual(cause, "upstream_tls")

    # ---- real clients

    @unittest.skipUnless(shutil.which("curl"), "curl is not installed")
    def test_curl(self):
        done = subprocess.run(["curl", "-sS", "--cacert", str(self.authority.pem), "--resolve",
                               f"first.test:{self.system.port}:127.0.0.1", f"https://first.test:{self.system.port}/plain/",
                               f"https://first.test:{self.system.port}/good/", "-w", "%{http_code} %{num_connects}\\n"],
                              capture_output=True, text=True, timeout=15, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("200 1", done.stdout)
        self.assertIn("200 0", done.stdout)  # on the same connection

    @unittest.skipUnless(shutil.which("node"), "node is not installed")
    def test_node(self):
        program = """
            const https = require('https'), fs = require('fs');
            const agent = new https.Agent({ca: fs.readFileSync(process.argv[1]), keepAlive: true, maxSockets: 4,
                                           servername: 'first.test', checkServerIdentity: () => undefined});
            let left = 40, ok = 0;
            for (let i = 0; i < 40; ++i) https.get({host: '127.0.0.1', port: process.argv[2], path: '/plain/', agent}, answer => {
                let body = ''; answer.on('data', d => body += d);
                answer.on('end', () => { ok += answer.statusCode == 200 && JSON.parse(body).headers ? 1 : 0;
                    if (--left == 0) { console.log(ok); agent.destroy(); } });
            });"""
        done = subprocess.run(["node", "-e", program, str(self.authority.pem), str(self.system.port)], capture_output=True,
                              text=True, timeout=20, check=False)
        self.assertEqual(done.stdout.strip(), "40", done.stderr)

    # ---- replaced while running (last: the names of the tests decide)

    def test_z_a_replaced_certificate_is_taken_over_and_no_request_fails(self):
        failures, asked, stop = [], [0], threading.Event()

        def load(kept):
            connection = None
            while not stop.is_set():
                try:
                    if connection is None:
                        connection = http.client.HTTPConnection("first.test")
                        connection.sock = self.connect()
                    connection.request("GET", "/plain/")
                    if (status := connection.getresponse()).status != 200:
                        failures.append(status.status)
                    status.read()
                    asked[0] += 1
                    if not kept:
                        connection.close()
                        connection = None
                except (OSError, http.client.HTTPException) as error:
                    failures.append(repr(error))
                    connection = None
            if connection:
                connection.close()

        threads = [threading.Thread(target=load, args=(kept,)) for kept in (True, True, False, False)]
        for thread in threads:
            thread.start()
        try:
            def serial():
                with self.connect() as client:
                    return client.getpeercert()["serialNumber"]
            before = serial()
            # Broken files leave the old certificate in use, and status says so.
            kept = (self.certs / "first.pem").read_text()
            (self.certs / "first.pem").write_text("no certificate\n")
            problem = wire.wait_until(lambda: next((c["problem"] for c in self.system.json("status")["certificates"]
                                                    if c["problem"]), None), 10, "status to tell of the broken file")
            self.assertIn("first.pem: there is no certificate in PEM form", problem)
            self.assertEqual(serial(), before)
            (self.certs / "first.pem").write_text(kept)
            for _ in range(3):
                before = serial()
                fresh = tempfile.mkdtemp(dir=self.certs)
                keep_folder, self.authority.folder = self.authority.folder, pathlib.Path(fresh)
                try:
                    pem, key = self.authority.sign("first", "first.test", "127.0.0.1")
                finally:
                    self.authority.folder = keep_folder
                os.replace(key, self.certs / "first.key")
                os.replace(pem, self.certs / "first.pem")
                wire.wait_until(lambda: serial() != before, 10, "the new certificate")
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        self.assertEqual(failures, [])
        self.assertGreater(asked[0], 100)
        shown = self.system.json("status")["certificates"]
        self.assertEqual([c["problem"] for c in shown], [""] * len(shown))
        self.assertEqual({c["used_by"] for c in shown}, {"gateway", "to mutual"})
        self.assertIn('trunkline_certificate_expires_days{', self.metrics())


@unittest.skipUnless(certificates.available(), "openssl is not installed")
class Local(unittest.TestCase):
    MANIFEST = """
system: local
telemetry: { access_log: none }
gateway:
  listen: <port>
  tls: local
  routes: [{ path: /*, host: shop.test, to: there }]
contexts: { test: { there: { address: "127.0.0.1:<backend>" } } }
"""

    def test_the_authority_survives_and_is_good_for_localhost_and_the_hosts_of_routes(self):
        server = Server()
        try:
            one = system.System(self.MANIFEST, backend=server.port)
            one.start(ready=False)
            state = one.folder / ".trunkline" / "tls"
            try:
                wire.wait_until(lambda: (state / "local.pem").exists() and one.cli("status").returncode == 0, 15, "the start")
                authority = (state / "ca.pem").read_text()
                for name in ("localhost", "127.0.0.1", "shop.test"):
                    raw = socket.create_connection(("127.0.0.1", one.port), 5)
                    context = ssl.create_default_context(cafile=str(state / "ca.pem"))
                    with context.wrap_socket(raw, server_hostname=name) as client:
                        self.assertEqual(client.version(), "TLSv1.3")
                for key in ("ca.key", "local.key"):
                    self.assertEqual((state / key).stat().st_mode & 0o777, 0o600)
                self.assertIn(f"curl --cacert {state / 'ca.pem'} https://127.0.0.1:{one.port}/", one.log.read_text())
                # Another host: the certificate follows, the authority stays.
                one.write(one.manifest.read_text().replace("shop.test", "other.test"))
                self.assertEqual(one.cli("apply").returncode, 0)
                raw = socket.create_connection(("127.0.0.1", one.port), 5)
                context = ssl.create_default_context(cadata=authority)
                context.wrap_socket(raw, server_hostname="other.test").close()
                one.process.send_signal(15)
                self.assertEqual(one.process.wait(15), 0)
                one.start(ready=False)
                wire.wait_until(lambda: one.cli("status").returncode == 0, 15, "the second start")
                self.assertEqual((state / "ca.pem").read_text(), authority)
            finally:
                one.stop()
        finally:
            server.shutdown()
            server.server_close()


@unittest.skipUnless(certificates.available(), "openssl is not installed")
class Required(unittest.TestCase):
    MANIFEST = """
system: strict
telemetry: { access_log: none }
gateway:
  listen: <port>
  tls: { cert: <certs>/a.pem, key: <certs>/a.key, min_version: 1.3, client_auth: { ca: <certs>/ca.pem } }
  routes: [{ path: /*, to: there }]
contexts: { test: { there: { address: "127.0.0.1:<backend>" } } }
"""

    def test_only_clients_with_a_certificate_get_in_and_only_by_1_3(self):
        with tempfile.TemporaryDirectory() as certs:
            authority = certificates.Authority(certs)
            authority.sign("a", "a.test")
            authority.sign("me", "me.test")
            server = Server()
            with system.System(self.MANIFEST, certs=certs, backend=server.port) as one:
                def ask(certificate, version=None):
                    context = ssl.create_default_context(cafile=str(authority.pem))
                    if certificate:
                        context.load_cert_chain(f"{certs}/{certificate}.pem", f"{certs}/{certificate}.key")
                    if version:
                        context.maximum_version = version
                    connection = http.client.HTTPConnection("a.test")
                    connection.sock = context.wrap_socket(socket.create_connection(("127.0.0.1", one.port), 5), server_hostname="a.test")
                    try:
                        connection.request("GET", "/")
                        return connection.getresponse().status
                    finally:
                        connection.close()
                self.assertEqual(ask("me"), 200)
                with self.assertRaisesRegex(OSError, "CERTIFICATE_REQUIRED|certificate required"):
                    ask(None)
                with self.assertRaisesRegex(OSError, "PROTOCOL_VERSION|protocol version"):
                    ask("me", ssl.TLSVersion.TLSv1_2)
            server.shutdown()
            server.server_close()


if __name__ == "__main__":
    unittest.main()
