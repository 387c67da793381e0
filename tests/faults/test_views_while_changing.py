"""Views of a running system while its manifest is replaced: what is asked of all cores takes a moment, and the
manifest may be another one when the answers are there."""
import http.client
import json
import socket
import threading
import time
import unittest

from kit import system

SERVICES, SECONDS = 60, 4.0
NAME = "a-service-whose-name-is-too-long-to-be-kept-in-place"


def manifest(version):
    """Many services that others run: cheap to have, and long to count."""
    lines = [f"    {NAME}-{i}: {{ address: '127.0.0.1:{9000 + i}', version: {version} }}" for i in range(SERVICES)]
    return system.manifest(*lines, routes=[f"{{ path: /*, to: {NAME}-0 }}"])


class AdminSocket(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost")
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(10)
        self.sock.connect(str(self.path))


class ViewsWhileChanging(unittest.TestCase):
    def test_services_are_shown_whole_while_manifests_are_applied(self):
        with system.System(manifest("1")).start(ready=False) as kit:
            self.wait_up(kit)
            wrong, counts = [], {"views": 0, "applied": 0}
            stop = time.monotonic() + SECONDS

            def ask(method, path, body=None):
                connection = AdminSocket(kit.folder / ".trunkline/admin.sock")
                connection.request(method, path, body)
                answer = connection.getresponse().read()
                connection.close()
                return answer

            def run(name, act):
                try:
                    while time.monotonic() < stop:
                        act()
                        counts[name] += 1
                except Exception as error:  # pylint: disable=broad-except
                    wrong.append(f"{name}: {error!r}")

            def look():
                for service in json.loads(ask("GET", "/v1/services"))["services"]:
                    self.assertTrue(service["name"].startswith(NAME), service)
                    self.assertEqual(service["context"], "kit")

            def change():
                body = kit.file.read_text().replace("version: 1", f"version: {counts['applied'] % 7 + 1}")
                ask("POST", "/v1/apply?file=trunkline.yaml", body)

            threads = [threading.Thread(target=run, args=one) for one in
                       (("views", look), ("views", look), ("applied", change))]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual(wrong, [], kit.said())
            self.assertGreater(min(counts.values()), 10, counts)
            self.assertNotIn("exception", kit.said())
            kit.stop()

    @staticmethod
    def wait_up(kit):
        system.wait_until(lambda: len(kit.services(check=False)) == SERVICES, system.START_SECONDS,
                          lambda: f"the system is up; trunkline said:\n{kit.said()}")


if __name__ == "__main__":
    unittest.main()
