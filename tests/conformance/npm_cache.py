"""Packages of npm for tests, installed once into a folder of the build; a test skips where npm cannot."""
import fcntl
import json
import os
import pathlib
import shutil
import subprocess
import unittest

import system

PACKAGES = {"@grpc/grpc-js": "1.12.6", "@grpc/proto-loader": "0.7.15", "@grpc/reflection": "1.0.4", "grpc-web": "1.5.0",
            "google-protobuf": "3.21.4", "xmlhttprequest-ssl": "3.1.0", "jose": "5.9.6", "oidc-provider": "8.8.1",
            "@seriousme/openapi-schema-validator": "2.11.0", "jsdom": "24.1.3"}
FOLDER = system.ROOT / "build/npm"
INSTALL_SECONDS = 150


def modules():
    """The folder for NODE_PATH. Raises SkipTest where there is no node, no npm, or no way to the packages."""
    if not shutil.which("node") or not shutil.which("npm"):
        raise unittest.SkipTest("node or npm is not installed")
    FOLDER.mkdir(parents=True, exist_ok=True)
    done = FOLDER / "installed.json"
    with open(FOLDER / "lock", "w", encoding="utf-8") as lock:  # two test files at a time
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists() or json.loads(done.read_text(encoding="utf-8")) != PACKAGES:
            install()
            done.write_text(json.dumps(PACKAGES), encoding="utf-8")
    return FOLDER / "node_modules"


def install():
    names = [f"{name}@{version}" for name, version in PACKAGES.items()]
    command = ["npm", "install", "--no-audit", "--no-fund", "--no-save", "--ignore-scripts", "--prefix", FOLDER, *names]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False,
                              stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        raise unittest.SkipTest(f"npm did not install within {INSTALL_SECONDS} s") from None
    if done.returncode != 0:
        raise unittest.SkipTest(f"npm cannot install: {done.stderr.strip()[-300:]}")


def environment():
    return {**os.environ, "NODE_PATH": str(modules())}


def run(script, *words, seconds=60):
    """The JSON that a script prints."""
    done = subprocess.run(["node", str(pathlib.Path(script)), *map(str, words)], capture_output=True, text=True,
                          timeout=seconds, check=False, env=environment())
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)
