"""Frames of HTTP/2 by hand, for what a good client would never send: plain literals, no Huffman, no table."""
import contextlib
import socket
import struct

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 2, 3, 4, 6, 7, 8, 9
END_STREAM, END_HEADERS = 1, 4
ENHANCE_YOUR_CALM = 11
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
CANCEL = struct.pack(">I", 8)


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def field(name, value):
    return b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()


def get(path="/", authority="conform.test"):
    return field(":method", "GET") + field(":scheme", "http") + field(":authority", authority) + field(":path", path)


class Attacker:
    """A connection that has said hello. send() takes frames, until the gateway has had enough."""
    def __init__(self, port):
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.sock.sendall(PREFACE + frame(SETTINGS, 0, 0))
        self.stream = self.sock.makefile("rb")

    def cut(self):
        """Wakes whoever reads: nothing more comes, nothing more goes."""
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)

    def close(self):
        self.stream.close()
        self.sock.close()

    def send(self, data):
        """False when the connection has ended."""
        try:
            self.sock.sendall(data)
            return True
        except OSError:
            return False

    def frames(self):
        """What comes, to the end: (type, flags, stream, payload)."""
        while True:
            try:
                head = self.stream.read(9)
                if len(head) < 9:
                    return
                payload = self.stream.read(int.from_bytes(head[:3], "big"))
            except OSError:
                return
            yield head[3], head[4], int.from_bytes(head[5:], "big"), payload

    def goaway(self):
        """The code of the GOAWAY that comes, or None."""
        for kind, _, _, payload in self.frames():
            if kind == GOAWAY:
                return struct.unpack(">I", payload[4:8])[0]
        return None
