"""The shop's services started by hand, as any supervisor would: what test_shop_services stands on.

Each instance gets PORT, HOST, DATABASE, SERVICE, INSTANCE and its callees' addresses in its
environment and a process group of its own, and is ended by its process id.
"""
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

from kit.processes import free_port

ROOT = pathlib.Path(__file__).resolve().parents[2]
SHOP = ROOT / "examples" / "shop"
BIN = pathlib.Path(os.environ.get("SHOP_BIN", ROOT / "build" / "release" / "bin"))
PYTHON = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else "python3"
COMMANDS = {
    "users": [PYTHON, "services/users.py"], "products": [PYTHON, "services/products.py"],
    "orders": [PYTHON, "services/orders.py"], "payments": ["node", "services/payments.js"],
    "notifications": ["node", "services/notifications.js"],
    "inventory": [str(BIN / "shop_inventory")], "shipping": [str(BIN / "shop_shipping")],
}
CALLEES = ["users", "products", "inventory", "payments", "shipping", "notifications"]
START_SECONDS = 15.0


def wait_until(condition, seconds, what):
    """Waits for a condition with a deadline; the failure names what was waited for."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"waited {seconds} s in vain: {what}")


def ask(port, method, path, body=None, headers=None, timeout=15):
    """(status, JSON, headers) of one request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    payload = body if body is None or isinstance(body, bytes) else json.dumps(body)
    try:
        connection.request(method, path, payload, headers or {})
        response = connection.getresponse()
        data = response.read()
        return response.status, json.loads(data) if data else None, response.headers
    finally:
        connection.close()


class Instance:
    """One process of one service."""

    def __init__(self, service, number, port, folder, environment):
        self.service, self.port = service, port
        self.log = folder / f"{service}-{number}.log"
        env = {"PATH": os.environ["PATH"], "PORT": str(port), "HOST": "127.0.0.1", "SERVICE": service,
               "INSTANCE": f"{service}-{number}", "DATABASE": str(folder / "data" / f"{service}.db"), **environment}
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(COMMANDS[service], cwd=SHOP, env=env, stdin=subprocess.DEVNULL,
                                            stdout=output, stderr=subprocess.STDOUT, start_new_session=True)

    def healthy(self):
        if self.process.poll() is not None:
            raise AssertionError(f"{self.service} ended with {self.process.returncode}: {self.log.read_text()}")
        try:
            return ask(self.port, "GET", "/healthz", timeout=2)[0] == 200
        except OSError:
            return False

    def terminate(self, seconds=10):
        """SIGTERM to the whole process group, as a supervisor does; the exit code."""
        os.killpg(self.process.pid, signal.SIGTERM)
        return self.process.wait(seconds)

    def kill(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(5)


class System:
    """All seven services, orders and inventory twice on one file each."""

    def __init__(self, folder):
        for needed in ("shop_inventory", "shop_shipping"):
            if not (BIN / needed).exists():
                raise AssertionError(f"{BIN / needed} is not built: cmake --build --preset release --target {needed}")
        for needed in ("node", "sqlite3"):
            if not shutil.which(needed):
                raise AssertionError(f"{needed} is not installed: apt install nodejs sqlite3")
        self.folder = pathlib.Path(folder)
        self.ports = {service: free_port() for service in COMMANDS}
        self.ports.update({"orders2": free_port(), "inventory2": free_port()})
        self.instances = {}
        try:
            for name in self.ports:
                self.start(name)
            self.wait_healthy()
        except BaseException:
            self.stop()
            raise

    def start(self, name, **more):
        service = name.rstrip("2")
        environment = {"PAYMENT_KEY": "key-of-the-test", "TOKEN_KEY": "a token key of the test, long enough", "LEASE_SECONDS": "3.5", **more}
        if service == "orders":
            addresses = {callee: self.ports[callee] for callee in CALLEES}
            addresses["inventory"] = self.ports["inventory2" if name == "orders2" else "inventory"]
            environment |= {f"{callee.upper()}_URL": f"http://127.0.0.1:{port}" for callee, port in addresses.items()}
        number = 2 if name.endswith("2") else 1
        self.instances[name] = Instance(service, number, self.ports[name], self.folder, environment)
        return self.instances[name]

    def restart(self, name, **more):
        self.instances[name].kill()
        wait_until(self.start(name, **more).healthy, START_SECONDS, f"{name} is healthy again")

    def wait_healthy(self):
        for name, instance in self.instances.items():
            wait_until(instance.healthy, START_SECONDS, f"{name} is healthy")

    def ask(self, service, method, path, body=None, headers=None):
        return ask(self.ports[service], method, path, body, headers)

    def stop(self):
        for instance in self.instances.values():
            instance.kill()
