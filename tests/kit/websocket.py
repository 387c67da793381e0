"""A WebSocket client of a page (RFC 6455): handshake, masked text messages, close. Checks what it is told."""
import base64
import hashlib
import os
import socket
import struct

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class WebSocketError(Exception):
    """The connection broke, or the other end does not keep the protocol."""


class WebSocket:
    def __init__(self, port, path="/ws", timeout=10.0):
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.stream = self.sock.makefile("rb")
        key = base64.b64encode(os.urandom(16)).decode()
        self.sock.sendall((f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
                           f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n").encode())
        status = self.stream.readline().decode("latin-1")
        self.headers = {}
        while (line := self.stream.readline().decode("latin-1")).strip():
            name, _, value = line.partition(":")
            self.headers[name.lower()] = value.strip()
        if " 101 " not in status:
            self.abort()
            raise WebSocketError(f"no upgrade: {status.strip() or 'connection closed'}")
        wanted = base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()
        if self.headers.get("sec-websocket-accept") != wanted:
            self.abort()
            raise WebSocketError("the handshake's answer is not for this key")

    @property
    def pid(self):
        """Of the instance at the other end."""
        return int(self.headers.get("x-pid", "0"))

    def _send(self, opcode, data):
        mask = os.urandom(4)
        length = bytes([0x80 | len(data)]) if len(data) < 126 else b"\xfe" + struct.pack(">H", len(data))
        self.sock.sendall(bytes([0x80 | opcode]) + length + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(data)))

    def _receive(self):
        head = self._exactly(2)
        size = head[1] & 0x7F
        if size == 126:
            size = struct.unpack(">H", self._exactly(2))[0]
        return head[0] & 0x0F, self._exactly(size)

    def _exactly(self, size):
        data = self.stream.read(size)
        if len(data) != size:
            raise WebSocketError("the connection broke")
        return data

    def ask(self, text):
        """Sends a message and returns the answer."""
        self._send(1, text.encode())
        opcode, data = self._receive()
        if opcode != 1:
            raise WebSocketError(f"a frame with opcode {opcode} came instead of the answer")
        return data.decode()

    def close(self):
        """The closing handshake, both ways."""
        self._send(8, struct.pack(">H", 1000))
        opcode, _ = self._receive()
        self.abort()
        if opcode != 8:
            raise WebSocketError(f"a frame with opcode {opcode} came instead of the close")

    def abort(self):
        self.stream.close()
        self.sock.close()
