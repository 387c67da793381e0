"""Processes and ports as the kernel shows them: whose environment holds a marker, how much memory, who listens."""
import os
import pathlib
import socket
import time


given = set()


def free_port():
    """A port of 127.0.0.1 that nobody listened on a moment ago. Never the same one twice in a process."""
    for _ in range(1000):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        if port not in given:
            given.add(port)
            return port
    raise AssertionError("there is no free port left")


def wait_until(condition, seconds, what):
    """The condition's first true value; the failure names what was waited for."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= end:
            raise AssertionError(f"waited {seconds} s in vain: {what() if callable(what) else what}")
        time.sleep(0.01)


def is_alive(pid):
    """Whether a process runs: one that has ended and was not reaped does not."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return False
    return fields[0] not in "ZX"


def marked(marker):
    """{pid: command line} of all live processes with the entry `marker` ("NAME=value") in their environment."""
    wanted, found = marker.encode(), {}
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        try:
            if wanted not in pathlib.Path(entry.path, "environ").read_bytes().split(b"\0"):
                continue
            words = pathlib.Path(entry.path, "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        pid = int(entry.name)
        if is_alive(pid):
            found[pid] = words.strip()
    return found


def variable(pid, name):
    """A variable of a process's environment as it was started with, or None."""
    for entry in pathlib.Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
        if entry.startswith(name.encode() + b"="):
            return entry.partition(b"=")[2].decode()
    return None


def rss(pid):
    """Resident bytes of one process."""
    return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def open_files(pid):
    """How many descriptors a process has open."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def accepts(port, host="127.0.0.1"):
    """Whether a connection to the port opens."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((host, port)) == 0
