#!/usr/bin/env python3
"""Runs one test program and leaves no process behind: test_guard.py LEAKS SECONDS COMMAND...

Every descendant that loses its parent becomes a child of this guard (PR_SET_CHILD_SUBREAPER), which
reaps it. What is still alive a second after the program has ended is killed and written to LEAKS.
At the deadline, on SIGTERM and on Ctrl-C everything below is killed. Not for use outside tests.
"""
import ctypes
import os
import pathlib
import signal
import subprocess
import sys
import time

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
GRACE_SECONDS = 1.0
libc = ctypes.CDLL(None, use_errno=True)


def parents():
    """{pid: parent's pid} of all processes that can be seen."""
    table = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                # The name in brackets may hold anything; the fields go on after the last bracket.
                fields = pathlib.Path(entry.path, "stat").read_text(errors="replace").rpartition(")")[2].split()
            except OSError:
                continue
            if fields[0] != "Z":
                table[int(entry.name)] = int(fields[1])
    return table


def descendants():
    table, found, level = parents(), [], {os.getpid()}
    while level:
        level = {pid for pid, parent in table.items() if parent in level}
        found += sorted(level)
    return found


def describe(pid):
    try:
        words = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        words = []
    return f"  {pid}  {' '.join(words).strip() or '?'}"


def kill_all():
    """Again and again: what is killed may have started another meanwhile."""
    for _ in range(50):
        remaining = descendants()
        if not remaining:
            return
        for pid in remaining:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        reap()
        time.sleep(0.02)


def reap():
    """Collects every child that has ended; {pid: status}."""
    ended = {}
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if pid == 0:
            return ended
        ended[pid] = status


class Stop(Exception):
    pass


def on_signal(number, _frame):
    raise Stop(f"signal {number}")


def wait_for(child, seconds):
    """The program's exit status; 124 at the deadline."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        # A signal that is blocked and waited for: no polling, and none is missed.
        signal.sigtimedwait({signal.SIGCHLD}, min(1.0, max(0.0, end - time.monotonic())))
        ended = reap()
        if child in ended:
            return os.waitstatus_to_exitcode(ended[child])
    print(f"\nStopped: not finished within {seconds:.0f} s.", flush=True)
    return 124


def leftovers():
    end = time.monotonic() + GRACE_SECONDS
    while (remaining := descendants()) and time.monotonic() < end:
        time.sleep(0.02)
        reap()
    return remaining


def main():
    leaks, seconds, command = pathlib.Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3:]
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, on_signal)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    status = 1
    try:
        child = subprocess.Popen(command, preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD}))
        status = wait_for(child.pid, seconds)
        child.returncode = status
        if status != 124:
            remaining = leftovers()
            if remaining:
                leaks.write_text("\n".join(describe(pid) for pid in remaining) + "\n")
    except Stop as reason:
        print(f"\nStopped by {reason}.", flush=True)
        status = 130
    except OSError as error:
        print(f"cannot run {command[0]}: {error}", flush=True)
        status = 127
    finally:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        kill_all()
        reap()
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main())
