#!/usr/bin/env python3
"""A service of TCP for tests, on $PORT, a thread a connection. The first line of a connection says what it does:

who          its instance; then every line comes back, until the client ends
echo         every byte comes back, then an end behind the client's
digest       reads to the end, answers "BYTES SHA256"
send N       N bytes of a pattern and an end; then reads to the client's end and notes "BYTES SHA256"
duplex N     N bytes of the pattern while it reads to the client's end; notes what came, ends behind both
reset N      N bytes of the pattern, then a reset
watch        waits until the connection ends or breaks, notes how: "end" or "reset"
header       the PROXY header that came first, as hex (with PROXY=v1 or v2 in its environment)
dial NAME    connects to NAME_HOST and NAME_PORT of its environment and passes all on, both ways
env NAME     the value of a variable

What it notes stands in $CONTROL/noted-SERVICE, a line a connection. CRASH_AT_START=3 ends it at once.
"""
import hashlib
import os
import pathlib
import socket
import struct
import sys
import threading

PATTERN = bytes((i * 7 + (i >> 8)) & 0xFF for i in range(1 << 16))
lock = threading.Lock()


def pattern(size, at=0):
    """`size` bytes of the pattern from the place `at` on."""
    at %= len(PATTERN)
    times = (at + size) // len(PATTERN) + 1
    return (PATTERN * times)[at:at + size]


def pattern_digest(size):
    digest, at = hashlib.sha256(), 0
    while at < size:
        piece = pattern(min(1 << 20, size - at), at)
        digest.update(piece)
        at += len(piece)
    return digest.hexdigest()


def send_pattern(peer, size):
    at = 0
    while at < size:
        piece = pattern(min(1 << 20, size - at), at)
        peer.sendall(piece)
        at += len(piece)


def read_all(peer, early=b""):
    """"BYTES SHA256" of what comes until the end."""
    digest, count = hashlib.sha256(early), len(early)
    while data := peer.recv(1 << 16):
        digest.update(data)
        count += len(data)
    return f"{count} {digest.hexdigest()}"


def reset(peer):
    """Closes by a reset."""
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


def note(text):
    if control := os.environ.get("CONTROL"):
        with lock, (pathlib.Path(control) / f"noted-{os.environ['SERVICE']}").open("a") as file:
            file.write(text + "\n")


def pump(source, target):
    try:
        while data := source.recv(1 << 16):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        try:
            target.shutdown(socket.SHUT_RDWR)  # the other direction is over, too
        except OSError:
            pass


def take_line(peer):
    line = b""
    while not line.endswith(b"\n"):
        byte = peer.recv(1)
        if not byte:
            break
        line += byte
    return line.decode().strip()


def take_header(peer, version):
    """The PROXY header, whole."""
    if version == "v1":
        return (take_line(peer) + "\r\n").encode()
    head = b""
    while len(head) < 16 or len(head) < 16 + struct.unpack("!H", head[14:16])[0]:
        byte = peer.recv(1)
        if not byte:
            break
        head += byte
    return head


def serve(peer):
    header = take_header(peer, os.environ["PROXY"]) if os.environ.get("PROXY") else b""
    word, _, rest = take_line(peer).partition(" ")
    if word == "who":
        peer.sendall((os.environ["INSTANCE"] + "\n").encode())
        pump(peer, peer)
    elif word == "echo":
        pump(peer, peer)
    elif word == "digest":
        peer.sendall(read_all(peer).encode())
    elif word == "send":
        send_pattern(peer, int(rest))
        peer.shutdown(socket.SHUT_WR)
        note(read_all(peer))
    elif word == "duplex":
        sender = threading.Thread(target=send_pattern, args=(peer, int(rest)))
        sender.start()
        note(read_all(peer))
        sender.join()
    elif word == "reset":
        send_pattern(peer, int(rest))
        reset(peer)
    elif word == "watch":
        peer.sendall(b"watching\n")
        try:
            while peer.recv(1 << 16):
                pass
            note("end")
        except ConnectionResetError:
            note("reset")
    elif word == "header":
        peer.sendall(header.hex().encode())
    elif word == "env":
        peer.sendall(os.environ.get(rest, "").encode())
    elif word == "dial":
        with socket.create_connection((os.environ[rest + "_HOST"], int(os.environ[rest + "_PORT"]))) as far:
            back = threading.Thread(target=pump, args=(far, peer))
            back.start()
            pump(peer, far)
            back.join()


def run(peer):
    with peer:
        try:
            serve(peer)
        except OSError:
            pass


def main():
    if code := os.environ.get("CRASH_AT_START"):
        sys.exit(int(code))
    listener = socket.create_server(("127.0.0.1", int(os.environ["PORT"])), backlog=1024)
    while True:
        threading.Thread(target=run, args=(listener.accept()[0],), daemon=True).start()


if __name__ == "__main__":
    main()
