#!/usr/bin/env python3
"""A service for tests that misbehaves as it is told while it runs. Run as a program: backend.py PORT.

Every path is answered 200 with {"port"} by the rules of the moment; they are changed by GET /_rules?key=value:
  workers=10    at most so many requests at once, the others wait (0: no limit)
  ms=50         each takes so long
  fail=0.5      such a share is answered with `status` (503)
  status=503
  breaks=1      such a share has its connection closed instead of an answer
GET /_rules answers with the rules, and with how many requests have come (`requests`). A body is read to its end if its
length is announced; GET /bytes/N is answered with N bytes.
"""
import asyncio
import json
import random
import re
import sys
import urllib.parse


class Backend:
    def __init__(self):
        self.rules = {"workers": 0, "ms": 0, "fail": 0.0, "status": 503, "breaks": 0.0}
        self.requests = 0
        self.room = None

    def change(self, query):
        for key, value in urllib.parse.parse_qsl(query):
            self.rules[key] = type(self.rules[key])(value)
        self.room = asyncio.Semaphore(self.rules["workers"]) if self.rules["workers"] else None

    async def work(self):
        if self.rules["ms"]:
            await asyncio.sleep(self.rules["ms"] / 1000)

    async def serve(self, reader, writer):
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                target = head.split(b" ", 2)[1].decode()
                path, _, query = target.partition("?")
                if length := re.search(rb"\r\ncontent-length: *(\d+)", head.lower()):
                    await reader.readexactly(int(length[1]))
                status, body = 200, {"port": writer.get_extra_info("sockname")[1]}
                if path == "/_rules":
                    self.change(query)
                    body = {**self.rules, "requests": self.requests}
                else:
                    self.requests += 1
                    if random.random() < self.rules["breaks"]:
                        break
                    if self.room:
                        async with self.room:
                            await self.work()
                    else:
                        await self.work()
                    status = self.rules["status"] if random.random() < self.rules["fail"] else 200
                data = bytes(int(path[7:])) if path.startswith("/bytes/") else json.dumps(body).encode()
                writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


async def main():
    server = await asyncio.start_server(Backend().serve, "127.0.0.1", int(sys.argv[1]), backlog=4096)
    async with server:
        await server.serve_forever()


asyncio.run(main())
