"""What the benchmarks share: processes that end with them, ports, CPU time and memory of a process tree.

Every process started here is in one list and is killed by its id when the benchmark ends, by an error
and by Ctrl-C too. Nothing outside a temporary folder is written.
"""
import atexit
import contextlib
import ctypes
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)
_started = []


def find(program):
    """The path of a program, in sbin too; None if there is none."""
    return shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin:/sbin")


def workdir():
    """A temporary folder that is gone when the benchmark ends."""
    folder = tempfile.TemporaryDirectory(prefix="trunkline-bench-", ignore_cleanup_errors=True)
    atexit.register(folder.cleanup)
    atexit.register(stop_all)  # runs before the folder goes
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    return pathlib.Path(folder.name)


def start(command, log, cpu=None, cwd=None):
    """Starts a process bound to one CPU; its output goes to `log`."""
    def prepare():
        os.setsid()  # Ctrl-C is for the benchmark, which then ends its processes in order
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if cpu is not None:
            os.sched_setaffinity(0, {cpu})
    with open(log, "ab") as output:
        process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=output,
                                   stderr=subprocess.STDOUT, preexec_fn=prepare, cwd=cwd)
    _started.append(process)
    return process


def stop(process, grace=5.0):
    """SIGTERM, then SIGKILL for it and its children."""
    if process.poll() is None:
        children = tree(process.pid)
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(grace)
        for pid in children:
            with contextlib.suppress(ProcessLookupError):
                if process.poll() is None or pid != process.pid:
                    os.kill(pid, signal.SIGKILL)
        process.wait()
    if process in _started:
        _started.remove(process)


def stop_all():
    for process in list(_started):
        stop(process)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def tree(pid):
    """The process and all that descend from it."""
    found = [pid]
    for parent in found:
        with contextlib.suppress(OSError):
            for task in os.listdir(f"/proc/{parent}/task"):
                found += [int(p) for p in pathlib.Path(f"/proc/{parent}/task/{task}/children").read_text().split()]
    return found


def cpu_seconds(pid):
    """(total, user, system) of a process tree's live threads.

    The total is exact (schedstat, in ns); user and system are in clock ticks, good over seconds.
    """
    total = user = system = 0.0
    for process in tree(pid):
        with contextlib.suppress(OSError):
            for task in os.listdir(f"/proc/{process}/task"):
                total += int(pathlib.Path(f"/proc/{process}/task/{task}/schedstat").read_text().split()[0]) / 1e9
            fields = pathlib.Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
            user += int(fields[11]) / CLOCK_TICKS
            system += int(fields[12]) / CLOCK_TICKS
    return total, user, system


def rss_bytes(pid):
    """Resident memory of one process, without its children (the services it runs are not its own)."""
    pages = int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def proxy_cpus():
    """(CPU of load and backend, CPU of the proxy); (None, None) where they must share one."""
    cpus = sorted(os.sched_getaffinity(0))
    return (cpus[0], cpus[-1]) if len(cpus) > 1 else (None, None)


def get(port, timeout=5.0, path="/", host="127.0.0.1"):
    """One request on a connection of its own; the status, or None if there was no answer."""
    try:
        with socket.create_connection((host, port), timeout) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n".encode())
            head = connection.recv(4096)
    except OSError:
        return None
    return int(head.split()[1]) if head.startswith(b"HTTP/1.1 ") else None


def takes_connections(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1.0).close()
    except OSError:
        return False
    return True


def wait_listening(port, process, log, seconds=20.0):
    """Waits until connections are taken."""
    wait_ready(port, process, log, seconds, http1=False)


def wait_ready(port, process, log, seconds=20.0, http1=True, path="/"):
    """Waits for an answer of 200, or for connections to be taken; on failure raises with the process's last words."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        if get(port, 1.0, path) == 200 if http1 else takes_connections(port):
            return
        time.sleep(0.02)
    words = pathlib.Path(log).read_text(errors="replace")[-2000:].strip()
    name = pathlib.Path(process.args[0]).name
    raise RuntimeError(f"{name} did not answer on 127.0.0.1:{port} (status {process.poll()})"
                       + (f"; it said:\n{words}" if words else " and said nothing"))


def main(run):
    """Runs a benchmark; Ctrl-C and a missing program end it with a sentence, not with a traceback."""
    try:
        sys.exit(run())
    except KeyboardInterrupt:
        sys.exit("interrupted")
    except RuntimeError as error:
        sys.exit(f"bench: {error}")
