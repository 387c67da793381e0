"""Requests at a rate, however fast they are answered: an open loop, as the public is one. In one thread."""
import asyncio
import collections
import time
from dataclasses import dataclass


@dataclass
class Sample:
    at: float       # seconds since the load began
    took: float
    status: int     # 0: none came
    cause: str = ""


class OpenLoad:
    """asyncio.run(load.run()) plays the whole; `during` are (seconds, function) to call on the way."""

    def __init__(self, port, rate, seconds, path="/x", timeout=5.0, during=()):
        self.port, self.path, self.timeout = port, path, timeout
        # (rate, seconds) or several of them one after the other.
        self.phases = rate if isinstance(rate, list) else [(rate, seconds)]
        self.during = sorted(during, key=lambda entry: entry[0])
        self.samples, self.idle, self.began = [], collections.deque(), 0.0

    async def run(self):
        self.began, tasks, due, todo = time.monotonic(), set(), 0.0, list(self.during)
        for rate, seconds in self.phases:
            end = due + seconds
            while due < end:
                due += 1 / rate
                wait = self.began + due - time.monotonic()
                if wait > 0:
                    await asyncio.sleep(wait)
                while todo and time.monotonic() - self.began >= todo[0][0]:
                    await asyncio.to_thread(todo.pop(0)[1])
                task = asyncio.create_task(self._one(due))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
        await asyncio.gather(*tasks)
        for _, writer in self.idle:
            writer.close()
        return self.samples

    async def _one(self, due):
        try:
            status, cause = await asyncio.wait_for(self._exchange(), self.timeout)
        except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError, ValueError):
            status, cause = 0, "no answer"
        # From when it was due: a client that waits for its turn to send waits all the same.
        self.samples.append(Sample(due, time.monotonic() - self.began - due, status, cause))

    async def _exchange(self):
        reader, writer = self.idle.pop() if self.idle else await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(f"GET {self.path} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
            await reader.readexactly(int(fields["content-length"]))
        except BaseException:
            writer.close()
            raise
        if fields.get("connection") == "close":
            writer.close()
        else:
            self.idle.append((reader, writer))
        return int(head.split(" ", 2)[1]), fields.get("x-trunkline-cause", "")

    def between(self, first, last):
        return [sample for sample in self.samples if first <= sample.at < last]


def p99(samples):
    took = sorted(sample.took for sample in samples)
    return took[min(len(took) - 1, int(len(took) * 0.99))]
