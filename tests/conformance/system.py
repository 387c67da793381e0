"""Starts the real binary as a user would: a manifest in a folder of its own, `up`, the other commands, an end.

One System a test file is the habit: starting takes a moment. What `up` printed is shown when something fails.
"""
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import wire
from kit.processes import free_port  # noqa: F401

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("TRUNKLINE_BIN", str(ROOT / "build/release/bin/trunkline"))
START_SECONDS = 15.0
STOP_SECONDS = 15.0
PYTHON = "/usr/bin/python3"


def run(*arguments, cwd=None, timeout=20, stdin=None, env=None):
    """One command to its end: CompletedProcess with text."""
    return subprocess.run([BINARY, *map(str, arguments)], cwd=cwd, input=stdin, capture_output=True, text=True,
                          timeout=timeout, errors="replace", check=False, env={**os.environ, **(env or {})})


class System:
    """A running `trunkline up`. `manifest` may hold {port} for the gateway's port and other fields of `fill`."""
    def __init__(self, manifest, files=(), env=None, arguments=(), **fill):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="trunkline-conform-"))
        self.port = free_port()
        self.process = None
        self.env = {**os.environ, **(env or {})}
        for name, text in dict(files).items():
            (self.folder / name).write_text(text, encoding="utf-8")
        self.manifest = self.folder / "trunkline.yaml"
        fill = {"port": self.port, "python": PYTHON, **fill}
        self.write(re.sub(r"<(\w+)>", lambda m: str(fill[m[1]]), manifest))
        self.log = self.folder / "up.log"
        self.errors = self.folder / "up.errors"
        self.arguments = arguments

    def write(self, text):
        self.manifest.write_text(text, encoding="utf-8")

    def start(self, ready=True):
        with open(self.log, "ab") as out, open(self.errors, "ab") as errors:
            self.process = subprocess.Popen([BINARY, "up", *self.arguments], cwd=self.folder, stdin=subprocess.DEVNULL,
                                            stdout=out, stderr=errors, env=self.env, start_new_session=True)
        try:
            if ready:
                self.wait_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def wait_ready(self):
        """The gateway accepts, and every service is healthy."""
        wire.wait_until(self.is_ready, START_SECONDS, f"the system to be ready; it said:\n{self.output()}")

    def is_ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"up ended with {self.process.returncode}:\n{self.output()}")
        answer = self.cli("services", "--json")
        if answer.returncode != 0:
            return False
        found = json.loads(answer.stdout)
        services = found["services"] if isinstance(found, dict) else found
        return all(service["state"] == "healthy" for service in services)

    def output(self):
        return "".join(p.read_text(errors="replace")[-6000:] for p in (self.log, self.errors) if p.exists())

    def cli(self, *arguments, timeout=20):
        return run(*arguments, cwd=self.folder, timeout=timeout, env=self.env)

    def json(self, *arguments):
        done = self.cli(*arguments, "--json")
        if done.returncode != 0:
            raise AssertionError(f"{arguments} ended with {done.returncode}: {done.stdout}{done.stderr}")
        return json.loads(done.stdout)

    def ask(self, method, target, headers=(), body=None, host="conform.test"):
        return wire.ask(self.port, method, target, headers, body, host)

    def client(self, **options):
        return wire.Client(self.port, **options)

    def stop(self):
        """SIGTERM, the exit code; SIGKILL for the whole session after the deadline."""
        code = None
        if self.process is not None:
            if self.process.poll() is None:
                self.process.send_signal(signal.SIGTERM)
            try:
                code = self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        said = self.output()
        shutil.rmtree(self.folder, ignore_errors=True)
        if self.process is not None and code != 0:
            raise AssertionError(f"up ended with {code} after SIGTERM:\n{said}")
        # A sanitizer's finding does not always end the process.
        if "runtime error:" in said or "Sanitizer" in said:
            raise AssertionError(f"a sanitizer found something:\n{said}")

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()


def pause(seconds):
    time.sleep(seconds)
