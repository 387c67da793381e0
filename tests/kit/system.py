"""A running system: a temporary folder with a manifest, `trunkline up` in it, and the commands beside it.

Everything that `up` starts inherits a variable of this system (KIT_SYSTEM), so that what it leaves behind can be
found whatever became of its parents. close() kills all of that, by process id.
"""
import http.client
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from . import processes
from .processes import wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = os.environ.get("TRUNKLINE_BIN", str(ROOT / "build/release/bin/trunkline"))
PYTHON = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable
SERVICE = pathlib.Path(__file__).resolve().parent / "service.py"
COMMAND = f"{PYTHON} {SERVICE}"
# A sanitizer makes everything slower, and memory says nothing.
SANITIZED = os.path.exists(BIN) and any(mark in pathlib.Path(BIN).read_bytes() for mark in (b"__asan_init", b"__tsan_init"))
START_SECONDS = 60.0 if SANITIZED else 20.0
# How long a Ctrl-C may take here: the grace of the manifests below and what a busy machine adds.
STOP_SECONDS = 15.0


def service(name="echo", replicas=2, **keys):
    """One service of a manifest, running service.py; `keys` are further lines, values as JSON."""
    lines = [f"    {name}:", f"      replicas: {replicas}"]
    keys = {"run": COMMAND, "health": {"http": "/healthz", "interval": "250ms"}, "grace": "6s", **keys}
    keys["env"] = {"CONTROL": "{folder}", **keys.get("env", {})}
    lines += [f"      {key}: {json.dumps(value)}" for key, value in keys.items() if value is not None]
    return "\n".join(lines)


def manifest(*services, routes=("{ path: /*, to: echo }",), gateway="", extra=""):
    """The text of a manifest. {port} and {folder} in it are filled in by System."""
    lines = ["system: kit", "gateway:", "  listen: {port}", *([gateway.rstrip("\n")] if gateway else []), "  routes:",
             *[f"    - {route}" for route in routes], "contexts:", "  kit:", *(services or [service()]),
             "telemetry: { access_log: none }", "grace: 8s", extra]
    return "\n".join(lines) + "\n"


class System:
    def __init__(self, text=None, folder=None, port=None, environment=None):
        self.scratch = None if folder else tempfile.TemporaryDirectory(prefix="trunkline-kit-", ignore_cleanup_errors=True)
        self.folder = pathlib.Path(folder or self.scratch.name)
        self.port = port or processes.free_port()
        self.marker = f"KIT_SYSTEM={os.urandom(8).hex()}"
        self.environment = {**os.environ, **(environment or {}), "KIT_SYSTEM": self.marker.partition("=")[2]}
        self.file, self.log = self.folder / "trunkline.yaml", self.folder / "up.log"
        self.process, self.ports = None, set()
        if text is not None:
            self.write(text)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def write(self, text):
        """Makes `text` the manifest in the folder; what runs is not told."""
        self.file.write_text(text.replace("{port}", str(self.port)).replace("{folder}", str(self.folder)))

    # ---- its life

    def start(self, ready=True, services=None):
        """`trunkline up`; with `ready` waits until every service (or those named) has all its instances healthy."""
        with self.log.open("ab") as output:
            self.process = subprocess.Popen([BIN, "up", "--manifest", str(self.file)], cwd=self.folder,
                                            env=self.environment, stdin=subprocess.DEVNULL, stdout=output,
                                            stderr=subprocess.STDOUT, start_new_session=True)
        if ready:
            self.wait_ready(services)
        return self

    def wait_ready(self, services=None, seconds=START_SECONDS):
        def all_healthy():
            if self.process.poll() is not None:
                raise AssertionError(f"trunkline ended with {self.process.returncode}:\n{self.said()}")
            shown = self.services(check=False)
            wanted = {name: s for name, s in shown.items() if services is None or name in services}
            return bool(wanted) and all(s["replicas_healthy"] >= s["replicas_wanted"] > 0 and s["state"] == "healthy"
                                        for s in wanted.values())
        wait_until(all_healthy, seconds, lambda: f"all services healthy; trunkline said:\n{self.said()}\n{self.services(False)}")
        for instance in self.instances():
            self.ports.add(instance["port"])

    def said(self):
        return self.log.read_text(errors="replace")[-6000:] if self.log.exists() else ""

    def send(self, number):
        self.process.send_signal(number)

    def wait(self, seconds=STOP_SECONDS):
        """The exit code of `up`."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"trunkline still runs after {seconds} s; it said:\n{self.said()}") from None

    def stop(self, number=signal.SIGINT, seconds=STOP_SECONDS):
        """Ends it as a user does and checks that nothing is left; the seconds that it took."""
        self.ports.update(instance["port"] for instance in self.instances())
        began = time.monotonic()
        self.send(number)
        code = self.wait(seconds)
        took = time.monotonic() - began
        assert code == 0, f"exit code {code}:\n{self.said()}"
        self.check_nothing_left()
        return took

    def check_nothing_left(self, seconds=1.0):
        """No process, no listener, no socket in the state folder."""
        wait_until(lambda: not processes.marked(self.marker), seconds,
                   lambda: f"processes are left: {processes.marked(self.marker)}; trunkline said:\n{self.said()}")
        taken = [port for port in {self.port, *self.ports} - {0} if processes.accepts(port)]
        assert not taken, f"somebody still listens on {taken}"
        sockets = [str(path) for path in self.folder.rglob("*") if path.is_socket()]
        assert not sockets, f"sockets are left: {sockets}"

    def close(self):
        """For the end of a test, however it ended."""
        if self.process and self.process.poll() is None:
            self.process.kill()
        end = time.monotonic() + 10
        while (left := processes.marked(self.marker)) and time.monotonic() < end:
            for pid in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            time.sleep(0.02)
        if self.process:
            self.process.wait(5)
        if self.scratch:
            self.scratch.cleanup()

    # ---- its commands

    def run(self, *words, seconds=60.0):
        """(exit code, standard output, standard error) of `trunkline WORDS` in the folder."""
        done = subprocess.run([BIN, *words], cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=seconds, check=False)
        return done.returncode, done.stdout, done.stderr

    def cli(self, *words, check=True, seconds=60.0):
        """The JSON that a command prints with --json; {} without `check` if it fails."""
        code, out, err = self.run(*words, "--json", seconds=seconds)
        if code != 0 and not check:
            return {}
        assert code == 0, f"trunkline {' '.join(words)} ended with {code}:\n{out}{err}\n--- up said:\n{self.said()}"
        return json.loads(out)

    def services(self, check=True):
        """{name: what `trunkline services` shows}."""
        shown = self.cli("services", check=check)
        shown = shown.get("services", []) if isinstance(shown, dict) else shown
        return {entry["name"]: entry for entry in shown}

    def instances(self, service_name=None):
        """The instances that have a process."""
        return [instance for name, entry in self.services(check=False).items() if service_name in (None, name)
                for instance in entry["instances"] if instance["pid"]]

    def apply(self, text, seconds=60.0):
        """(exit code, what it printed) of `trunkline apply` of this manifest."""
        self.write(text)
        code, out, err = self.run("apply", "--manifest", str(self.file), seconds=seconds)
        return code, out + err

    # ---- a request

    def get(self, path, headers=None, timeout=10.0, method="GET", body=None):
        """(status, body, headers) of one request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return response.status, response.read(), response.headers
        finally:
            connection.close()


def service_pid(instance):
    """The process that serves an instance's requests: the one below its shell, if the shell is still there."""
    tree = [instance["pid"]]
    for pid in tree:
        try:
            tree += map(int, pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
        except OSError:
            pass
    return tree[-1]


def copy_example(name, to):
    """A copy of examples/NAME in the folder `to`, without data of earlier runs."""
    target = pathlib.Path(to) / name
    shutil.copytree(ROOT / "examples" / name, target, ignore=shutil.ignore_patterns("data", ".trunkline", "__pycache__"))
    return target
