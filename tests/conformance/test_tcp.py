# deadline: 240
"""Routes of TCP: what one end does the other sees, byte for byte; who may connect, and how many; what is told of it."""
import hashlib
import http.client
import json
import re
import socket
import ssl
import threading
import time
import unittest
import urllib.parse

from kit import processes, system, tcp_service
from kit.processes import wait_until

COMMAND = f"{system.PYTHON} {system.ROOT}/tests/kit/tcp_service.py"
MEGABYTE = 1 << 20
MANIFEST = """system: wires
gateway:
  listen: {port}
  threads: 2
  tls: local
  routes: []
  tcp:
    - { listen: <plain>, to: db }
    - { listen: <secret>, to: db, tls: true }
    - { listen: <one>, to: told }
    - { listen: <two>, to: told-more }
    - { listen: <half>, to: half-dead }
    - { listen: <dead>, to: dead }
    - { listen: <front>, to: front }
    - { listen: <lonely>, to: lonely }
    - { listen: <quiet>, to: quiet }
contexts:
  data:
    db: { run: "<command>", protocol: tcp, replicas: 2, env: { CONTROL: "{folder}" } }
    told: { run: "<command>", protocol: tcp, tcp: { send_proxy_protocol: v1 }, env: { PROXY: v1 } }
    told-more: { run: "<command>", protocol: tcp, tcp: { send_proxy_protocol: v2 }, env: { PROXY: v2 } }
    quiet: { run: "<command>", protocol: tcp, tcp: { idle: 1s } }
    half-dead: { address: ["127.0.0.1:<nobody>", "127.0.0.1:<alive>"], protocol: tcp, passive: { failures: 0 }, outlier: { enabled: false } }
    dead: { address: "127.0.0.1:<nobody>", protocol: tcp, passive: { failures: 0 } }
  callers:
    front: { run: "<command>", protocol: tcp, calls: [db] }
    lonely: { run: "<command>", protocol: tcp }
telemetry: { access_log: json, access_file: "{folder}/access.log" }
"""
NAMES = ["plain", "secret", "one", "two", "half", "dead", "front", "lonely", "quiet", "nobody"]


def setUpModule():
    global wires, ports, alive
    ports = {name: processes.free_port() for name in NAMES}
    alive = socket.create_server(("127.0.0.1", 0), backlog=256)
    alive.settimeout(20)
    unittest.addModuleCleanup(alive.close)
    text = MANIFEST.replace("<command>", COMMAND).replace("<alive>", str(alive.getsockname()[1]))
    for name, port in ports.items():
        text = text.replace(f"<{name}>", str(port))
    wires = system.System(text)
    unittest.addModuleCleanup(wires.close)
    wires.start(services=["db", "told", "told-more", "quiet", "front", "lonely"])


def dial(port, words="", timeout=20):
    peer = socket.create_connection(("127.0.0.1", port), timeout=timeout)
    if words:
        peer.sendall(words.encode() + b"\n")
    return peer


def rest_of(peer):
    """(bytes, sha256) until the end."""
    count, digest = tcp_service.read_all(peer).split()
    return int(count), digest


def rest(peer):
    """What comes until the end, or a reset."""
    text = b""
    try:
        while part := peer.recv(1 << 16):
            text += part
    except ConnectionError:
        pass
    return text


def noted(service="db"):
    path = wires.folder / f"noted-{service}"
    return path.read_text().splitlines() if path.exists() else []


def records(*, port=None, route=None, **wanted):
    """Access records of connections at a port that have ended so."""
    path = wires.folder / "access.log"
    name = route or f"tcp 127.0.0.1:{ports[port]}"
    found = [json.loads(line) for line in (path.read_text().splitlines() if path.exists() else [])]
    return [one for one in found if one.get("route") == name and all(one.get(key) == value for key, value in wanted.items())]


def wait_record(**wanted):
    return wait_until(lambda: records(**wanted), 10, f"an access record {wanted}")[-1]


def metrics():
    """The page for Prometheus, by the admin socket."""
    with socket.socket(socket.AF_UNIX) as admin:
        admin.settimeout(10)
        admin.connect(str(wires.folder / ".trunkline/admin.sock"))
        admin.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        return b"".join(iter(lambda: admin.recv(1 << 16), b"")).decode()


class Bytes(unittest.TestCase):
    def test_a_client_that_has_finished_sending_still_gets_its_answer(self):
        with dial(ports["plain"], "digest") as peer:
            tcp_service.send_pattern(peer, 3 * MEGABYTE + 17)
            peer.shutdown(socket.SHUT_WR)
            answer = b"".join(iter(lambda: peer.recv(4096), b"")).decode()
        self.assertEqual(answer, f"{3 * MEGABYTE + 17} {tcp_service.pattern_digest(3 * MEGABYTE + 17)}")
        record = wait_record(port="plain", bytes_in=3 * MEGABYTE + 17 + len("digest\n"))
        self.assertEqual((record["end"], record["bytes_out"], record["protocol"]), ("client_closed", len(answer), "tcp"))

    def test_a_service_that_has_finished_sending_still_gets_the_rest(self):
        before = len(noted())
        with dial(ports["plain"], f"send {2 * MEGABYTE}") as peer:
            self.assertEqual(rest_of(peer), (2 * MEGABYTE, tcp_service.pattern_digest(2 * MEGABYTE)))
            tcp_service.send_pattern(peer, MEGABYTE)
            peer.shutdown(socket.SHUT_WR)
            wait_until(lambda: len(noted()) > before, 10, "what the service got")
        self.assertEqual(noted()[-1], f"{MEGABYTE} {tcp_service.pattern_digest(MEGABYTE)}")
        self.assertEqual(wait_record(port="plain", bytes_out=2 * MEGABYTE)["end"], "service_closed")

    def test_much_in_both_directions_at_once_arrives_whole(self):
        size, before = 48 * MEGABYTE, len(noted())
        with dial(ports["plain"], f"duplex {size}", timeout=60) as peer:
            sender = threading.Thread(target=lambda: (tcp_service.send_pattern(peer, size), peer.shutdown(socket.SHUT_WR)))
            sender.start()
            self.assertEqual(rest_of(peer), (size, tcp_service.pattern_digest(size)))
            sender.join()
        wait_until(lambda: len(noted()) > before, 10, "what the service got")
        self.assertEqual(noted()[-1], f"{size} {tcp_service.pattern_digest(size)}")

    def test_a_reset_of_the_client_is_a_reset_for_the_service(self):
        before = len(noted())
        peer = dial(ports["plain"], "watch")
        self.assertEqual(peer.recv(100), b"watching\n")
        tcp_service.reset(peer)
        wait_until(lambda: len(noted()) > before, 10, "how it ended")
        self.assertEqual(noted()[-1], "reset")
        wait_record(port="plain", end="client_reset")

    def test_a_reset_of_the_service_comes_behind_what_it_had_sent(self):
        with dial(ports["plain"], "reset 50000") as peer:
            got = b""
            with self.assertRaises(ConnectionResetError):
                while True:
                    data = peer.recv(1 << 16)
                    self.assertTrue(data, "a reset looks like an end")
                    got += data
        self.assertLessEqual(len(got), 50000)
        self.assertEqual(got, tcp_service.pattern(len(got)))
        wait_record(port="plain", end="service_reset")

    def test_a_client_that_does_not_read_costs_no_memory_and_loses_nothing(self):
        size = 96 * MEGABYTE
        before = wires.cli("status")["rss_bytes"]
        with dial(ports["plain"], f"send {size}", timeout=60) as peer:
            peer.shutdown(socket.SHUT_WR)
            time.sleep(0.5)  # for the sender to fill whatever there is to fill
            self.assertLess(wires.cli("status")["rss_bytes"], before + 16 * MEGABYTE)
            self.assertEqual(rest_of(peer), (size, tcp_service.pattern_digest(size)))

    def test_silence_in_both_directions_ends_by_a_reset_after_idle(self):
        with dial(ports["quiet"], "who") as peer:
            self.assertTrue(peer.recv(100).startswith(b"quiet-"))
            with self.assertRaises(ConnectionResetError):
                peer.recv(1)
        wait_record(port="quiet", end="idle")

    def test_tls_is_ended_here_and_the_service_gets_what_is_inside(self):
        context = ssl.create_default_context(cafile=str(wires.folder / ".trunkline/tls/ca.pem"))
        context.set_alpn_protocols(["postgresql"])  # a name of no protocol of ours
        with context.wrap_socket(dial(ports["secret"]), server_hostname="localhost") as peer:
            peer.sendall(b"who\n")
            self.assertTrue(peer.recv(100).startswith(b"db-"))
            peer.sendall(b"secret")
            self.assertEqual(peer.recv(100), b"secret")


class Instances(unittest.TestCase):
    def test_connections_are_spread_and_the_least_loaded_one_is_next(self):
        peers = [dial(ports["plain"], "who") for _ in range(20)]
        names = [peer.recv(100).decode().strip() for peer in peers]
        for peer in peers:
            peer.close()
        self.assertEqual(set(names), {"db-1", "db-2"})

    def test_an_instance_that_does_not_accept_is_passed_over_at_once(self):
        for _ in range(30):
            with dial(ports["half"]):
                peer, _ = alive.accept()
                peer.close()
        tried = [one for one in records(port="half") if one["attempts"] == 2]
        tried = tried or wait_record(port="half", attempts=2)
        self.assertTrue(tried)

    def test_without_an_instance_the_client_is_reset_and_the_record_says_why(self):
        # The reset may come before the client knows that it is connected.
        with self.assertRaises(ConnectionResetError), dial(ports["dead"]) as peer:
            peer.recv(1)
        record = wait_record(port="dead")
        self.assertEqual(record["cause"], "upstream_connect_failed")
        self.assertNotIn("end", record)

    def test_the_instance_learns_the_client_by_the_proxy_protocol(self):
        with dial(ports["one"], "header") as peer:
            words = bytes.fromhex(peer.recv(1000).decode()).decode().split()
            self.assertEqual(words, ["PROXY", "TCP4", "127.0.0.1", "127.0.0.1", str(peer.getsockname()[1]), str(ports["one"])])
        with dial(ports["two"], "header") as peer:
            header = bytes.fromhex(peer.recv(1000).decode())
            self.assertEqual(header[:16], b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c")
            self.assertEqual(header[16:24], bytes([127, 0, 0, 1] * 2))
            self.assertEqual(int.from_bytes(header[24:26], "big"), peer.getsockname()[1])


class BehindABalancer(unittest.TestCase):
    def test_the_client_is_the_one_that_the_balancer_names(self):
        port = processes.free_port()
        behind = system.System(f"""
system: behind
gateway:
  listen: {{port}}
  proxy_protocol: 127.0.0.1
  timeouts: {{ head: 1s }}
  limits: {{ connections_per_client: 1 }}
  threads: 1
  routes: []
  tcp: [{{ listen: {port}, to: told }}]
contexts:
  data:
    told: {{ run: "{COMMAND}", protocol: tcp, tcp: {{ send_proxy_protocol: v1 }}, env: {{ PROXY: v1 }} }}
telemetry: {{ access_log: json, access_file: "{{folder}}/access.log" }}
""")
        self.addCleanup(behind.close)
        behind.start(services=["told"])

        def named(client, words="header\n"):
            peer = socket.create_connection(("127.0.0.1", port), timeout=20)
            self.addCleanup(peer.close)
            peer.sendall(f"PROXY TCP4 {client} 192.0.2.1 5555 80\r\n{words}".encode())
            return peer
        first = named("203.0.113.9")
        self.assertEqual(bytes.fromhex(first.recv(1000).decode()).decode().split()[:3], ["PROXY", "TCP4", "203.0.113.9"])
        # Caps are of the client that is named: the same one is one too many, another one is not.
        self.assertEqual(rest(named("203.0.113.9")), b"")
        self.assertIn(b"203.0.113.10", bytes.fromhex(named("203.0.113.10").recv(1000).decode()))
        for bad in (b"header\n", b"PROXY TCP4 nobody\r\n", b"PROXY TCP4 203.0.113.11"):
            peer = socket.create_connection(("127.0.0.1", port), timeout=20)
            self.addCleanup(peer.close)
            peer.sendall(bad)
            self.assertEqual(rest(peer), b"", bad)
        first.close()
        seen = wait_until(lambda: [json.loads(line) for line in (behind.folder / "access.log").read_text().splitlines()], 10, "a record")
        self.assertEqual(seen[0]["client"].split(":")[0], "203.0.113.9")


class BetweenServices(unittest.TestCase):
    def test_a_callee_has_an_address_in_the_environment_and_is_reached_by_it(self):
        def value(name):
            with dial(ports["front"], f"env {name}") as peer:
                return b"".join(iter(lambda: peer.recv(4096), b"")).decode()
        self.assertEqual(value("DB_ADDRESS"), f"{value('DB_HOST')}:{value('DB_PORT')}")
        self.assertEqual(value("DB_URL"), "")
        with dial(ports["front"], "dial DB") as peer:
            peer.sendall(b"digest\n")
            tcp_service.send_pattern(peer, MEGABYTE)
            peer.shutdown(socket.SHUT_WR)
            self.assertEqual(tcp_service.read_all(peer).split()[0], str(len(f"{MEGABYTE} ") + 64))
        record = wait_record(route="front to db", end="client_closed")
        self.assertEqual((record["caller"], record["service"], record["door"]), ("front", "db", "sidecar"))

    def test_who_may_not_call_is_closed_at_once_and_the_log_says_what_to_write(self):
        with dial(ports["lonely"], "dial DB") as peer:
            try:
                self.assertEqual(peer.recv(100), b"")
            except ConnectionResetError:
                pass
        record = wait_record(route="lonely to db")
        self.assertEqual(record["cause"], "not_allowed")
        self.assertRegex(wires.said(), r'service "lonely" may not call "db": trunkline.yaml:\d+ should read calls: \[db\]')

    def test_a_request_of_http_to_it_is_told_where_to_go(self):
        with dial(ports["front"], "env HTTP_PROXY") as peer:
            proxy = urllib.parse.urlparse(peer.recv(1000).decode())
        asker = http.client.HTTPConnection(proxy.hostname, proxy.port, timeout=10)
        asker.request("GET", "http://db/x")
        answer = asker.getresponse()
        problem = json.loads(answer.read())
        asker.close()
        self.assertEqual((answer.status, problem["cause"]), (501, "unsupported"))
        self.assertIn("speaks TCP", problem["detail"])


class Shown(unittest.TestCase):
    def test_status_services_routes_and_metrics_count_connections(self):
        with dial(ports["plain"], "who") as peer:
            instance = peer.recv(100).decode().strip()
            shown = wires.services()["db"]
            self.assertEqual(shown["protocol"], "tcp")
            self.assertEqual(sum(one["in_flight"] for one in shown["instances"] if one["id"] == instance), 1)
            route = wait_until(lambda: next((one for one in wires.cli("routes")["routes"]
                                             if one["listen"] == f"tcp://127.0.0.1:{ports['plain']}" and one["traffic"]["open"] == 1),
                                            None), 15, "the open connection among the routes")
            self.assertGreater(route["traffic"]["total"], 0)
            page = metrics()
            labels = f'{{door="gateway",route="tcp 127.0.0.1:{ports["plain"]}",service="db"}}'
            self.assertIn(f"trunkline_tcp_connections{labels} 1\n", page)
            sent = re.search(re.escape(f"trunkline_tcp_sent_bytes_total{labels}") + r" (\d+)", page)
            self.assertGreaterEqual(int(sent.group(1)), len(instance))
            self.assertIn(f"tcp://127.0.0.1:{ports['plain']}", wires.cli("status")["gateway"])

    def test_why_knows_a_connection_by_the_trace_of_its_record(self):
        with dial(ports["plain"], "digest") as peer:
            peer.shutdown(socket.SHUT_WR)
            self.assertEqual(peer.recv(200).decode(), f"0 {hashlib.sha256().hexdigest()}")
        record = wait_record(port="plain", bytes_in=len("digest\n"))
        code, out, err = wires.run("why", record["trace"])
        self.assertEqual(code, 0, err)
        self.assertIn("client -> db  7 bytes in, 66 out, client_closed", out)


if __name__ == "__main__":
    unittest.main()
