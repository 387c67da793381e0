"""Clients that keep asking and count every request: what was asked is either ok or a failure with its reason.

    with Load(port) as load:
        load.getters(4).posters(1).streamers(2).websockets(2)
        ... do harm ...
    report = load.report(killed={1234})

Nothing is tried twice. An answer counts only if it is the answer to this very request (each has a number), whole and
in order. A stream or WebSocket that breaks while it is served by a process in `killed` is counted apart, and only that.
"""
import collections
import hashlib
import http.client
import itertools
import json
import os
import statistics
import threading
import time
from dataclasses import dataclass, field

from . import websocket

numbers = itertools.count(1)


@dataclass
class Failure:
    kind: str     # get, post, stream, websocket
    reason: str
    pid: int      # of the instance that had begun to answer, 0 if none had
    at: float     # seconds since the load began

    def __str__(self):
        return f"{self.kind} at {self.at:.2f} s: {self.reason}" + (f" (from process {self.pid})" if self.pid else "")


@dataclass
class Report:
    ok: collections.Counter = field(default_factory=collections.Counter)           # by kind
    failures: list = field(default_factory=list)
    apart: list = field(default_factory=list)
    by_instance: collections.Counter = field(default_factory=collections.Counter)
    by_version: collections.Counter = field(default_factory=collections.Counter)
    by_pid: collections.Counter = field(default_factory=collections.Counter)
    last_asked: dict = field(default_factory=dict)  # by pid: when its last GET was sent (time.monotonic)
    slowest: float = 0.0
    took: list = field(default_factory=list)       # seconds, of each GET

    def failed(self, *kinds):
        return [failure for failure in self.failures if not kinds or failure.kind in kinds]

    @property
    def median(self):
        return statistics.median(self.took) if self.took else 0.0

    def __str__(self):
        words = ", ".join(f"{count} {kind}" for kind, count in sorted(self.ok.items())) or "nothing"
        text = f"ok: {words}; failed: {len(self.failures)}; apart: {len(self.apart)}; slowest {self.slowest * 1000:.0f} ms"
        return "\n  ".join([text] + [str(failure) for failure in self.failures[:20]])


class Broken(Exception):
    """An answer that is not what was asked for."""


class Load:
    def __init__(self, port, path_prefix="", timeout=10.0):
        self.port, self.prefix, self.timeout = port, path_prefix, timeout
        self.lock, self.stopping, self.threads = threading.Lock(), threading.Event(), []
        self.result, self.began = Report(), time.monotonic()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def getters(self, count, pace=0.008, path="/echo"):
        return self._add(count, self._get_loop, pace, path)

    def posters(self, count, pace=0.02):
        return self._add(count, self._post_loop, pace)

    def streamers(self, count, seconds=0.8, pieces=8):
        return self._add(count, self._stream_loop, seconds, pieces)

    def websockets(self, count, seconds=1.0):
        return self._add(count, self._websocket_loop, seconds)

    def stop(self):
        """Each client ends the request that it is in, and counts it."""
        self.stopping.set()
        for thread in self.threads:
            thread.join(self.timeout + 5)
            assert not thread.is_alive(), "a client hangs"
        self.threads = []

    def report(self, killed=()):
        """After the end: the counts, with what was broken by the death of `killed` apart."""
        self.stop()
        final = self.result
        excused = [f for f in final.failures if f.kind in ("stream", "websocket") and f.pid in killed]
        final.apart += excused
        final.failures = [f for f in final.failures if f not in excused]
        return final

    def so_far(self):
        with self.lock:
            return sum(self.result.ok.values()), len(self.result.failures)

    # ---- the clients

    def _add(self, count, loop, *arguments):
        for _ in range(count):
            thread = threading.Thread(target=loop, args=arguments, daemon=True)
            thread.start()
            self.threads.append(thread)
        return self

    def _ok(self, kind, started=0.0, value=None):
        with self.lock:
            self.result.ok[kind] += 1
            if value:
                took = time.monotonic() - started
                self.result.took.append(took)
                self.result.slowest = max(self.result.slowest, took)
                self.result.last_asked[value.get("pid")] = max(started, self.result.last_asked.get(value.get("pid"), 0.0))
                self.result.by_instance[value.get("instance")] += 1
                self.result.by_version[value.get("version")] += 1
                self.result.by_pid[value.get("pid")] += 1

    def _fail(self, kind, error, pid=0):
        reason = str(error) if isinstance(error, Broken) else f"{type(error).__name__}: {error}"
        with self.lock:
            self.result.failures.append(Failure(kind, reason, pid, time.monotonic() - self.began))
        time.sleep(0.02)  # what is down now is down in the next microsecond too

    def _connection(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.timeout)

    def _get_loop(self, pace, path):
        connection = self._connection()
        while not self.stopping.is_set():
            number, started = str(next(numbers)), time.monotonic()
            try:
                connection.request("GET", f"{self.prefix}{path}{'&' if '?' in path else '?'}n={number}")
                response = connection.getresponse()
                value = answer(response)
                if value.get("n") != number:
                    raise Broken(f"the answer to {value.get('n')} came for request {number}")
                self._ok("get", started, value)
            except (OSError, http.client.HTTPException, Broken, ValueError) as error:
                self._fail("get", error)
                connection.close()
            self.stopping.wait(pace)
        connection.close()

    def _post_loop(self, pace):
        connection = self._connection()
        while not self.stopping.is_set():
            number = str(next(numbers))
            pieces = [os.urandom(500 + 700 * i) for i in range(5)]
            try:
                connection.request("POST", f"{self.prefix}/body?n={number}", iter(pieces), encode_chunked=True,
                                   headers={"Transfer-Encoding": "chunked"})
                value = answer(connection.getresponse())
                whole = b"".join(pieces)
                if (value["n"], value["length"], value["sha256"]) != (number, len(whole), hashlib.sha256(whole).hexdigest()):
                    raise Broken(f"the body arrived differently: {value}")
                self._ok("post")
            except (OSError, http.client.HTTPException, Broken, ValueError) as error:
                self._fail("post", error)
                connection.close()
            self.stopping.wait(pace)
        connection.close()

    def _stream_loop(self, seconds, pieces):
        connection = self._connection()
        while not self.stopping.is_set():
            number, pid = str(next(numbers)), 0
            try:
                connection.request("GET", f"{self.prefix}/stream?pieces={pieces}&seconds={seconds}&n={number}")
                response = connection.getresponse()
                if response.status != 200:
                    answer(response)
                pid = int(response.headers.get("x-pid", "0"))
                for i in range(pieces):
                    line = response.readline().decode()
                    if line != f"{number} {i} of {pieces}\n":
                        raise Broken(f"piece {i} of {pieces} is {line!r}")
                if rest := response.read():
                    raise Broken(f"{len(rest)} bytes too many")
                self._ok("stream")
            except (OSError, http.client.HTTPException, Broken, ValueError) as error:
                self._fail("stream", error, pid)
                connection.close()
        connection.close()

    def _websocket_loop(self, seconds):
        while not self.stopping.is_set():
            pid, end = 0, time.monotonic() + seconds
            try:
                peer = websocket.WebSocket(self.port, f"{self.prefix}/ws", self.timeout)
                pid = peer.pid
                while time.monotonic() < end:
                    message = f"message {next(numbers)}"
                    if (said := peer.ask(message)) != message:
                        raise Broken(f"{said!r} came back for {message!r}")
                    time.sleep(0.05)
                peer.close()
                self._ok("websocket")
            except (OSError, websocket.WebSocketError, Broken, ValueError) as error:
                self._fail("websocket", error, pid)


def answer(response):
    """The JSON of a 200; the cause of anything else."""
    data = response.read()
    if response.status == 200:
        return json.loads(data)
    try:
        problem = json.loads(data)
    except ValueError:
        problem = {"detail": data[:200].decode(errors="replace")}
    raise Broken(f"{response.status} {problem.get('cause', '')}: {problem.get('detail', '')}")
