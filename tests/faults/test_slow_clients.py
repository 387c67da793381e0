# serial
# deadline: 90
"""Clients that are slow or never read: what they cost is bounded, and others do not feel them."""
import socket
import time
import unittest

from kit import processes, system
from kit.load import Load

MANY = 200
MB = 1 << 20
GATEWAY = ("  timeouts: { head: 2s, body: 2s, write: 2s, idle: 3s }\n"
           "  threads: 2")


class SlowClients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.kit = system.System(system.manifest(gateway=GATEWAY)).start()
        cls.addClassCleanup(cls.kit.close)
        # The first requests make what is made once: pools, rings, tables.
        with Load(cls.kit.port) as load:
            load.getters(8, pace=0.001).posters(1)
            time.sleep(0.7)
        assert load.report().failures == [], load.report()

    def open_many(self, first_bytes, receive_buffer=None):
        peers = []
        for _ in range(MANY):
            peer = socket.socket()
            if receive_buffer:
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            peer.settimeout(10)
            peer.connect(("127.0.0.1", self.kit.port))
            peer.sendall(first_bytes)
            peers.append(peer)
        self.addCleanup(lambda: [peer.close() for peer in peers])
        return peers

    def check_bounded(self, peers, tick, most_growth, seconds=1.2):
        """Others are served while `peers` are there, and memory stays."""
        before = processes.rss(self.kit.process.pid)
        with Load(self.kit.port) as load:
            load.getters(2).streamers(1).websockets(1)
            end, highest = time.monotonic() + seconds, 0
            while time.monotonic() < end:
                for peer in peers:
                    try:
                        tick(peer)
                    except OSError:
                        pass
                highest = max(highest, processes.rss(self.kit.process.pid))
                time.sleep(0.1)
        report = load.report()
        print(f"{MANY} slow clients: {(highest - self.base) / MB:.1f} MB more; others: {report}")
        self.assertEqual(report.failures, [], report)
        # The typical one, not the slowest: a single request may wait for a turn at a busy machine, but behind clients
        # that stop others every one would wait.
        self.assertLess(report.median, 0.5)
        if not system.SANITIZED:
            self.assertLess(highest - self.base, most_growth, f"of {before / MB:.1f} MB")

    def setUp(self):
        self.base = processes.rss(self.kit.process.pid)

    def wait_closed(self, peers, seconds=8.0, answer=b""):
        """The gateway ends every one of these connections within the deadline."""
        end = time.monotonic() + seconds
        for peer in peers:
            peer.settimeout(max(0.1, end - time.monotonic()))
            data = b""
            try:
                while piece := peer.recv(65536):
                    data = (data + piece)[-200:] if len(data) > 65536 else data + piece
            except ConnectionResetError:
                continue
            except socket.timeout:
                self.fail("a slow client was not ended")
            if answer:
                self.assertIn(answer, data[:200])

    def test_slow_heads_are_ended_with_408(self):
        peers = self.open_many(b"GET /echo HTTP/1.1\r\nHost: x\r\n")
        self.check_bounded(peers, lambda peer: peer.sendall(b"a: b\r\n"), 4 * MB)
        self.wait_closed(peers, answer=b"408")

    def test_silent_connections_are_ended(self):
        peers = self.open_many(b"")
        self.check_bounded(peers, lambda peer: None, 3 * MB)
        self.wait_closed(peers)

    def test_slow_bodies_are_ended(self):
        peers = self.open_many(b"POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n12345")
        self.check_bounded(peers, lambda peer: None, 8 * MB)
        self.wait_closed(peers)

    def test_clients_that_never_read_are_ended(self):
        """Each asks for 20 MB and reads nothing: the gateway must hold back the service, not keep the answer."""
        peers = self.open_many(b"GET /big?bytes=20000000 HTTP/1.1\r\nHost: x\r\n\r\n", receive_buffer=4096)
        # 64 KB of body and the buffers of two heads each, about 90 KB measured.
        self.check_bounded(peers, lambda peer: None, 24 * MB)
        self.wait_closed(peers, seconds=15.0)

    def test_afterwards_memory_is_what_it_was(self):
        """Named so that it runs where it may: whatever the order, a round of slow clients leaves nothing behind."""
        for _ in range(2):
            peers = self.open_many(b"GET /echo HTTP/1.1\r\nHost: x\r\n")
            for peer in peers:
                peer.close()
        time.sleep(0.5)
        grown = processes.rss(self.kit.process.pid) - self.base
        if not system.SANITIZED:
            self.assertLess(grown, 4 * MB)
        self.assertEqual(self.kit.get("/echo")[0], 200)


if __name__ == "__main__":
    unittest.main()
