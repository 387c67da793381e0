# deadline: 240
"""Connections of TCP while things change: an instance dies or drains, the manifest is applied again and again, the program
is replaced. And how many connections there may be."""
import json
import os
import signal
import socket
import threading
import time
import unittest

from kit import processes, system, tcp_service
from kit.processes import wait_until

COMMAND = f"{system.PYTHON} {system.ROOT}/tests/kit/tcp_service.py"


def manifest(ports, replicas=2, keys="", limits="", more="", grace="3s", whole="4s"):
    listen = "\n".join(f"    - {{ listen: {port}, to: db }}" for port in ports)
    return f"""system: changing
gateway:
  listen: {{port}}
  threads: 1
  routes: []
  {limits}
  tcp:
{listen}
contexts:
  data:
    db:
      run: "{COMMAND}"
      protocol: tcp
      replicas: {replicas}
      grace: {grace}
      env: {{ CONTROL: "{{folder}}" }}
      {keys}
{more}
telemetry: {{ access_log: json, access_file: "{{folder}}/access.log" }}
grace: {whole}
"""


def dial(port, words="", timeout=20):
    peer = socket.create_connection(("127.0.0.1", port), timeout=timeout)
    if words:
        peer.sendall(words.encode() + b"\n")
    return peer


def who(port):
    """(connection, instance)"""
    peer = dial(port, "who")
    return peer, peer.recv(100).decode().strip()


def ask(peer, words=b"still there?\n"):
    """Whether it sends back what it gets."""
    try:
        peer.sendall(words)
        return peer.recv(100) == words
    except OSError:
        return False


def how_it_ends(peer):
    try:
        while peer.recv(1 << 16):
            pass
        return "end"
    except ConnectionResetError:
        return "reset"


class Kit(unittest.TestCase):
    def begin(self, text):
        kit = system.System(text)
        self.addCleanup(kit.close)
        return kit.start()

    def keep(self, peer):
        self.addCleanup(peer.close)
        return peer

    def records(self, kit):
        path = kit.folder / "access.log"
        return [json.loads(line) for line in (path.read_text().splitlines() if path.exists() else [])]

    def refused(self, port):
        """Whether a new connection is closed without a word."""
        try:
            with dial(port) as peer:  # the reset may come before the client knows that it is connected
                peer.sendall(b"who\n")
                return peer.recv(100) == b""
        except (ConnectionResetError, BrokenPipeError):
            return True


class Instances(Kit):
    def test_new_connections_succeed_while_an_instance_is_killed_again_and_again(self):
        port = processes.free_port()
        kit = self.begin(manifest([port], keys="restart: { first: 10ms, crash_loop_after: 50 }"))
        failed, made, over = [], [0], threading.Event()

        def load():
            while not over.is_set():
                try:
                    peer, name = who(port)
                    peer.close()
                    made[0] += 1
                    if not name:
                        failed.append("no answer")  # its instance died behind the accept
                except OSError as error:
                    failed.append(repr(error))
        threads = [threading.Thread(target=load) for _ in range(4)]
        for thread in threads:
            thread.start()
        kills = 5
        for _ in range(kills):
            before = made[0]
            victim = kit.instances("db")[0]
            os.kill(system.service_pid(victim), signal.SIGKILL)
            wait_until(lambda: made[0] > before + 20, 20, "connections behind the kill")
            kit.wait_ready()
        over.set()
        for thread in threads:
            thread.join()
        # Only those that the dead instance had accepted: a client a thread of load at most, each time.
        self.assertLessEqual(len(failed), kills * len(threads), failed)
        self.assertFalse([one for one in self.records(kit) if one.get("cause")], "a new connection found no instance")

    def test_an_instance_that_drains_gets_no_new_connection_and_its_old_ones_have_the_grace(self):
        port = processes.free_port()
        kit = self.begin(manifest([port], grace="2s"))
        peers = [who(port) for _ in range(8)]
        for peer, _ in peers:
            self.keep(peer)
        self.assertEqual({name for _, name in peers}, {"db-1", "db-2"})
        code, said = [], threading.Thread(target=lambda: code.append(kit.apply(manifest([port], replicas=1, grace="2s"))))
        began = time.monotonic()
        said.start()
        wait_until(lambda: any(one["state"] == "draining" for one in kit.services()["db"]["instances"]), 10, "a drain")
        gone = next(one["id"] for one in kit.services()["db"]["instances"] if one["state"] == "draining")
        for _ in range(10):
            peer, name = who(port)
            peer.close()
            self.assertNotEqual(name, gone)
        for peer, name in peers:
            if name == gone:
                self.assertTrue(ask(peer), "an old connection ended before its time")
        said.join(60)
        self.assertEqual(code[0][0], 0, code)
        ends = {how_it_ends(peer) for peer, name in peers if name == gone}
        self.assertGreaterEqual(time.monotonic() - began, 1.9)
        self.assertLessEqual(ends, {"reset", "end"})
        self.assertTrue(all(ask(peer) for peer, name in peers if name != gone))

    def test_one_that_is_only_unhealthy_keeps_its_connections(self):
        port = processes.free_port()
        keys = "health: { command: \"test ! -e $INSTANCE.ill\", interval: 50ms, timeout: 10s, unhealthy_after: 1 }"
        kit = self.begin(manifest([port], keys=keys, grace="1s"))
        # The command that stands for health here does not know whether they listen yet.
        wait_until(lambda: all(one["state"] == "healthy" and processes.accepts(one["port"])
                               for one in kit.services()["db"]["instances"]), 20, "health")
        peers = [who(port) for _ in range(8)]
        for peer, _ in peers:
            self.keep(peer)
        (kit.folder / "db-1.ill").touch()
        wait_until(lambda: any(one["state"] == "unhealthy" for one in kit.services()["db"]["instances"]), 10, "illness")
        time.sleep(2.5)  # the grace of one that leaves would be over
        self.assertTrue(all(ask(peer) for peer, _ in peers))


class Changes(Kit):
    def test_a_connection_outlives_twenty_reloads(self):
        port, other = processes.free_port(), processes.free_port()
        kit = self.begin(manifest([port]))
        old, _ = who(port)
        self.keep(old)
        big = self.keep(dial(port, f"send {64 << 20}", timeout=60))
        for round_number in range(20):
            ports = [port, other] if round_number % 2 == 0 else [port]
            code, said = kit.apply(manifest(ports, keys=f"concurrency: {{ requests: {100 + round_number} }}"))
            self.assertEqual(code, 0, said)
            self.assertTrue(ask(old), f"round {round_number}")
        big.shutdown(socket.SHUT_WR)
        self.assertEqual(tcp_service.read_all(big), f"{64 << 20} {tcp_service.pattern_digest(64 << 20)}")
        wait_until(lambda: not processes.accepts(other), 10, "the other port closes")

    def test_a_port_that_is_taken_out_gives_its_connections_the_grace(self):
        port, other = processes.free_port(), processes.free_port()
        kit = self.begin(manifest([port, other]))
        old, _ = who(other)
        self.keep(old)
        code, said = kit.apply(manifest([port]))
        self.assertEqual(code, 0, said)
        self.assertTrue(ask(old))
        self.assertEqual(how_it_ends(old), "reset")

    def test_an_upgrade_refuses_nobody_and_finishes_what_is_open(self):
        port = processes.free_port()
        kit = self.begin(manifest([port], whole="20s"))
        first = kit.process.pid
        old = self.keep(dial(port, f"send {96 << 20}", timeout=60))
        idle, _ = who(port)
        self.keep(idle)
        code, out, err = kit.run("upgrade", "--binary", system.BIN, seconds=60)
        self.assertEqual(code, 0, out + err)
        new, name = who(port)
        self.keep(new)
        self.assertTrue(name.startswith("db-"))
        self.assertTrue(ask(idle), "an open connection ended with the upgrade")
        old.shutdown(socket.SHUT_WR)
        self.assertEqual(tcp_service.read_all(old), f"{96 << 20} {tcp_service.pattern_digest(96 << 20)}")
        idle.settimeout(60)
        self.assertEqual(how_it_ends(idle), "reset")  # its grace is over
        self.assertTrue(ask(new))
        self.assertEqual((kit.process.pid, kit.process.poll()), (first, None))


class Limits(Kit):
    def test_a_client_may_have_so_many_connections_and_no_more(self):
        port = processes.free_port()
        self.begin(manifest([port], limits="limits: { connections_per_client: 3 }"))
        peers = [who(port)[0] for _ in range(3)]
        self.assertTrue(self.refused(port))
        peers.pop().close()
        wait_until(lambda: not self.refused(port), 10, "the place that was given back")
        for peer in peers:
            peer.close()

    def test_a_service_and_an_instance_have_so_many_and_no_more(self):
        port = processes.free_port()
        kit = self.begin(manifest([port], keys="concurrency: { instance: 2, queue: 0 }"))
        peers = [who(port) for _ in range(4)]
        self.assertEqual(sorted(name for _, name in peers), ["db-1", "db-1", "db-2", "db-2"])
        self.assertTrue(self.refused(port))
        wait_until(lambda: [one for one in self.records(kit) if one.get("cause") == "overloaded"], 10, "its record")
        self.assertIn("overloaded", kit.said())
        for peer, _ in peers:
            peer.close()

    def test_who_waits_in_line_gets_the_place_of_one_that_ends(self):
        port = processes.free_port()
        self.begin(manifest([port], replicas=1, keys="concurrency: { requests: 1, queue_for: 20s }"))
        first, _ = who(port)
        second = self.keep(dial(port, "who"))
        second.settimeout(0.3)
        with self.assertRaises(TimeoutError):
            second.recv(100)
        first.close()
        second.settimeout(20)
        self.assertEqual(second.recv(100), b"db-1\n")


if __name__ == "__main__":
    unittest.main()
