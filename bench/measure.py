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


def get(port, timeout=5.0, path="/", host="127.0.0.1"):
    """One request on a connection of its own; the status, or None if there was no answer."""
    try:
        with socket.create_connection((host, port), timeout) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n".encode())
            head = connection.recv(4096)
    except OSError:
        return None
    return int(head.split()[1]) if head.startswith(b"HTTP/1.1 ") else None


def wait_ready(port, process, log, seconds=10.0, want=200):
    """Waits until a request is answered with 200; on failure raises with the process's last words."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        if get(port, 1.0) == want:
            return
        time.sleep(0.02)
    words = pathlib.Path(log).read_text(errors="replace")[-2000:].strip()
    name = pathlib.Path(process.args[0]).name
    raise RuntimeError(f"{name} did not answer on 127.0.0.1:{port} (status {process.poll()})"
                       + (f"; it said:\n{words}" if words else " and said nothing"))


# --- The programs that more than one benchmark starts ---

BODY = "x" * 64


def start_nginx_backend(folder, cpu=None, body=len(BODY)):
    """One nginx worker that answers `body` bytes; its port. It listens on backend.sock in the folder, too."""
    port = free_port()
    answer = f'default_type text/plain; return 200 "{"x" * body}";'
    if body > 2048:  # more than nginx takes in its configuration
        (folder / "body").write_text("x" * body)
        answer = f"root {folder}; try_files /body =404; open_file_cache max=10;"
    config = folder / "backend.conf"
    config.write_text(f"""
daemon off; master_process off; pid {folder}/backend.pid; error_log {folder}/backend.log;
worker_processes 1; worker_rlimit_nofile 40000;
events {{ worker_connections 20000; }}
http {{
  access_log off; keepalive_requests 1000000000; keepalive_timeout 300s;
  client_body_temp_path {folder}/b1; proxy_temp_path {folder}/b2; fastcgi_temp_path {folder}/b3;
  uwsgi_temp_path {folder}/b4; scgi_temp_path {folder}/b5;
  server {{ listen 127.0.0.1:{port} backlog=8192; listen unix:{folder}/backend.sock backlog=8192;
    location / {{ {answer} }} }}
}}
""")
    log = folder / "backend.log"
    process = start([find("nginx"), "-e", log, "-c", config, "-p", folder], log, cpu)
    wait_ready(port, process, log)
    return port


def trunkline_manifest(folder, port, backend, extra="", accelerate=""):
    """Writes the benchmarks' manifest: one route, one service that others run, no access log."""
    folder.mkdir(parents=True, exist_ok=True)
    manifest = folder / "trunkline.yaml"
    manifest.write_text(f"""system: bench
gateway:
  limits: {{ connections_per_client: 0 }}   # all load comes from one address
  listen: 127.0.0.1:{port}
  threads: 1
  accelerate: {str(accelerate in ("client", "both")).lower()}
  routes:
    - {{ path: /*, to: backend }}
contexts:
  bench:
    backend:
      accelerate: {str(accelerate in ("service", "both")).lower()}
      address: {backend if str(backend).startswith("unix:") else f"127.0.0.1:{backend}"}
telemetry:
  access_log: none
{extra}""")
    return manifest


def start_trunkline(binary, folder, backend, cpu=None, accelerate=""):
    """(process, port) of a gateway in front of `backend`, a port or "unix:PATH". `accelerate`: the side that is
    joined in the kernel, "client", "service" or "both"."""
    port = free_port()
    name = "unix" if str(backend).startswith("unix:") else f"trunkline{accelerate and '-' + accelerate}"
    log = folder / f"{name}.log"
    manifest = trunkline_manifest(folder / name, port, backend, accelerate=accelerate)
    process = start([binary, "up", "--manifest", manifest], log, cpu)
    wait_ready(port, process, log)
    if accelerate and "no connections are joined" in log.read_text():
        raise RuntimeError("the kernel or the rights do not allow it: " + log.read_text().strip().splitlines()[-1])
    return process, port


def main(run):
    """Runs a benchmark; Ctrl-C and a missing program end it with a sentence, not with a traceback."""
    try:
        sys.exit(run())
    except KeyboardInterrupt:
        sys.exit("interrupted")
    except RuntimeError as error:
        sys.exit(f"bench: {error}")
