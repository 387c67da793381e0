"""The shop's seven services without Trunkline: what they promise to whoever runs them."""
import concurrent.futures
import http.client
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from shop_system import COMMANDS, System, ask, wait_until  # noqa: E402

GOOD_CARD, DECLINED_CARD, NO_BANK_CARD = "4242424242424242", "4000000000000002", "4000000000000119"
system = None
folder = None


def setUpModule():
    global system, folder
    folder = tempfile.TemporaryDirectory()
    system = System(folder.name)


def tearDownModule():
    system.stop()
    folder.cleanup()


def new_user(country="GB"):
    address = {"street": "12 Analytical Row", "city": "London", "country": country}
    body = {"name": "Ada Łovelace", "email": f"{secrets.token_hex(6)}@example.org", "address": address,
            "password": "a-secret-of-hers"}
    status, user, _ = system.ask("users", "POST", "/users", body)
    assert status == 201, user
    return user["id"]


def order(user, card=GOOD_CARD, sku="teapot", quantity=1, at="orders", **headers):
    body = {"user_id": user, "items": [{"sku": sku, "quantity": quantity}], "card": card}
    return system.ask(at, "POST", "/orders", body, {name.replace("_", "-"): value for name, value in headers.items()})


def stock(sku="teapot"):
    return system.ask("inventory", "GET", f"/inventory/{sku}")[1]["available"]


def states(an_order):
    return [(step["step"], step["state"]) for step in an_order["steps"]]


def stream(an_order, last=0, at="orders2"):
    """All (event, value) of an order's event stream, read to its proper end."""
    connection = http.client.HTTPConnection("127.0.0.1", system.ports[at], timeout=10)
    connection.request("GET", f"/orders/{an_order['id']}/events", headers={"Last-Event-ID": str(last)})
    response = connection.getresponse()
    assert response.headers["Content-Type"] == "text/event-stream"
    text = response.read().decode()  # raises when the last chunk is missing
    connection.close()
    blocks = [dict(line.split(": ", 1) for line in block.split("\n")) for block in text.strip().split("\n\n")]
    return [(block["event"], json.loads(block["data"])) for block in blocks if "data" in block]


class AnOrder(unittest.TestCase):
    def test_that_works_goes_through_all_services(self):
        user, before = new_user(), stock()
        status, done, headers = order(user, quantity=2)
        self.assertEqual((status, done["status"]), (201, "completed"), done)
        self.assertEqual(headers["Location"], f"/orders/{done['id']}")
        self.assertEqual(states(done), [("user", "done"), ("prices", "done"), ("stock", "done"), ("payment", "done"),
                                        ("shipping", "done"), ("order", "completed"), ("notification", "done")])
        self.assertEqual(stock(), before - 2)
        payment = system.ask("payments", "GET", f"/payments/{done['id']}")[1]
        self.assertEqual((payment["status"], payment["amount_cents"]), ("charged", 2 * 3490))
        self.assertEqual(system.ask("shipping", "GET", f"/shipments/{done['id']}")[1]["state"], "ready")
        self.assertEqual(len(system.ask("notifications", "GET", f"/inbox/{user}")[1]["messages"]), 1)

    def test_with_a_declined_card_is_undone(self):
        before = stock()
        status, problem, _ = order(new_user(), card=DECLINED_CARD)
        self.assertEqual((status, problem["code"]), (402, "card_declined"))
        cancelled = system.ask("orders", "GET", f"/orders/{problem['order']['id']}")[1]
        self.assertEqual((cancelled["status"], cancelled["reason"]["code"]), ("cancelled", "card_declined"))
        self.assertEqual(states(cancelled)[2:5], [("stock", "done"), ("payment", "refused"), ("stock", "undone")])
        self.assertEqual(stock(), before)

    def test_that_cannot_be_shipped_is_refunded_and_released(self):
        before = stock()
        status, problem, _ = order(new_user("AQ"))
        self.assertEqual((status, problem["code"]), (422, "cannot_ship"))
        self.assertEqual(states(problem["order"])[4:7],
                         [("shipping", "refused"), ("payment", "undone"), ("stock", "undone")])
        self.assertEqual(system.ask("payments", "GET", f"/payments/{problem['order']['id']}")[1]["status"], "refunded")
        self.assertEqual(stock(), before)

    def test_whose_payment_has_no_known_outcome_is_refunded_as_well(self):
        status, problem, _ = order(new_user(), card=NO_BANK_CARD)
        self.assertEqual((status, problem["code"]), (503, "payments_unavailable"))
        self.assertIn(("payment", "undone"), states(problem["order"]))
        self.assertEqual(problem["order"]["status"], "cancelled")

    def test_that_asks_for_the_impossible_gets_a_clear_problem(self):
        user = new_user()
        for arguments, expected in [
                ({"sku": "samovar"}, (409, "out_of_stock")), ({"sku": "unicorn"}, (422, "unknown_product")),
                ({"card": "4242424242424241"}, (422, "invalid_card")), ({"quantity": 0}, (422, "invalid_field")),
                ({"sku": "../teapot"}, (422, "invalid_field"))]:
            status, problem, headers = order(user, **arguments)
            self.assertEqual((status, problem["code"]), expected, arguments)
            self.assertEqual(headers["Content-Type"], "application/problem+json")
        self.assertEqual(order("usr_nobody")[1]["code"], "unknown_user")

    def test_sent_twice_at_once_to_two_replicas_is_one_order(self):
        user, key, before = new_user(), secrets.token_hex(8), stock()
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda n: order(user, at=("orders", "orders2")[n % 2], Idempotency_Key=key),
                                    range(8)))
        self.assertEqual({status for status, _, _ in answers}, {201})
        self.assertEqual(len({done["id"] for _, done, _ in answers}), 1)
        self.assertEqual(sum("Idempotent-Replayed" in headers for _, _, headers in answers), 7)
        self.assertEqual(stock(), before - 1)
        self.assertEqual(order(user, quantity=2, Idempotency_Key=key)[1]["code"], "idempotency_key_reused")

    def test_among_many_at_once_is_neither_lost_nor_doubled(self):
        user, before = new_user(), stock("cup")
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda n: order(user, sku="cup", at=("orders", "orders2")[n % 2]), range(40)))
        self.assertEqual({status for status, _, _ in answers}, {201})
        self.assertEqual(stock("cup"), before - 40)

    def test_is_told_as_a_stream_that_ends_and_can_be_resumed(self):
        status, accepted, _ = order(new_user(), Prefer="respond-async")
        self.assertEqual(status, 202)
        events = stream(accepted)
        self.assertEqual(events[-1], ("end", {"status": "completed"}))
        self.assertIn("done", [name for name, _ in events])
        last = events[-2][1]["seq"]
        rest = stream(accepted, last - 1)
        self.assertEqual(rest[0][1]["seq"], last)


class WhoAsks(unittest.TestCase):
    """Services believe the gateway, which says who asks in X-Consumer."""
    def test_sees_what_is_theirs_and_nothing_else(self):
        ada, eve = new_user(), new_user()
        mine = order(ada)[1]
        for service, path, refused in [("users", f"/users/{ada}", 404), ("orders", f"/orders/{mine['id']}", 404),
                                       ("orders", f"/orders/{mine['id']}/events", 404),
                                       ("orders", f"/orders?user={ada}", 403), ("notifications", f"/inbox/{ada}", 404)]:
            self.assertEqual(ask(system.ports[service], "GET", path, headers={"X-Consumer": eve})[0], refused, path)
            if not path.endswith("/events"):
                self.assertEqual(ask(system.ports[service], "GET", path, headers={"X-Consumer": ada})[0], 200, path)
        self.assertEqual(system.ask("orders", "GET", f"/orders?user={ada}", headers={"X-Consumer": eve, "X-Roles": "staff"})[0], 200)
        self.assertEqual(order(ada, X_Consumer=eve)[1]["code"], "not_yours")

    def test_signs_in_with_the_right_password_alone(self):
        body = {"name": "Bo", "email": f"{secrets.token_hex(6)}@example.org", "password": "right and long",
                "address": {"street": "1", "city": "Oslo", "country": "NO"}}
        self.assertEqual(system.ask("users", "POST", "/users", {**body, "password": "short"})[0], 422)
        self.assertEqual(system.ask("users", "POST", "/users", body)[0], 201)
        status, answer, _ = system.ask("users", "POST", "/login", {"email": body["email"].upper(), "password": body["password"]})
        self.assertEqual(status, 200, answer)
        self.assertEqual(answer["token"].count("."), 2)
        for wrong in ({**body, "password": "wrong and long"}, {**body, "email": "nobody@example.org"}):
            self.assertEqual(system.ask("users", "POST", "/login", wrong)[1]["code"], "wrong_password")

    def test_a_parcel_that_was_never_made_is_no_mistake(self):
        done = order(new_user())[1]
        self.assertEqual([len(system.ask("shipping", "GET", f"/orders/{name}/parcels")[1]["parcels"])
                          for name in (done["id"], "ord_nobody")], [1, 0])


class AnUndo(unittest.TestCase):
    def test_that_comes_before_its_step_keeps_the_late_step_out(self):
        name = "ord_" + secrets.token_hex(4)
        address = {"street": "1 A Road", "city": "London", "country": "GB"}
        before = stock()
        for service, undo, step, body in [
                ("inventory", ("DELETE", f"/reservations/{name}"), f"/reservations/{name}",
                 {"items": [{"sku": "teapot", "quantity": 1}]}),
                ("payments", ("POST", f"/payments/{name}/refund"), f"/payments/{name}",
                 {"amount_cents": 100, "currency": "EUR", "card": GOOD_CARD}),
                ("shipping", ("DELETE", f"/shipments/{name}"), f"/shipments/{name}",
                 {"name": "Ada", "address": address})]:
            self.assertEqual(system.ask(service, *undo)[1], {"changed": False}, service)
            self.assertEqual(system.ask(service, "PUT", step, body)[0], 409, service)
            self.assertEqual(system.ask(service, *undo)[1], {"changed": False}, service)
        self.assertEqual(stock(), before)

    def test_is_finished_by_another_replica_when_one_is_killed_or_a_callee_was_away(self):
        user, before = new_user(), stock()
        system.instances["payments"].kill()
        status, problem, _ = order(user, at="orders2")
        self.assertEqual((status, problem["order"]["status"]), (503, "undoing"))
        system.restart("payments", BANK_DELAY_MS="1500")
        accepted = order(user, Prefer="respond-async")[1]
        wait_until(lambda: ("payment", "started") in states(self.get(accepted)), 3, "the payment has begun")
        system.instances["orders"].kill()
        for left in (problem["order"], accepted):
            done = wait_until(lambda: self.cancelled(left), 9, "the other replica has undone the order")
            self.assertIn(("stock", "undone"), states(done))
        self.assertEqual(self.get(accepted)["reason"]["code"], "interrupted")
        self.assertEqual(stock(), before)
        system.restart("payments")
        system.restart("orders")

    def get(self, an_order):
        return system.ask("orders2", "GET", f"/orders/{an_order['id']}")[1]

    def cancelled(self, an_order):
        now = self.get(an_order)
        return now if now["status"] == "cancelled" else None


class EveryService(unittest.TestCase):
    def test_answers_what_it_does_not_know_with_a_problem(self):
        for service in COMMANDS:
            status, problem, headers = system.ask(service, "GET", "/nothing/here%FF")
            self.assertEqual((status, problem["code"]), (404, "not_found"), service)
            self.assertEqual(headers["Content-Type"], "application/problem+json", service)

    def test_keeps_connections_alive_and_answers_pipelined_requests_in_order(self):
        for service in COMMANDS:
            with socket.create_connection(("127.0.0.1", system.ports[service]), 5) as peer:
                peer.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\nGET /nothing HTTP/1.1\r\nHost: a\r\n\r\n")
                time.sleep(0.1)
                peer.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                received = b""
                while piece := peer.recv(65536):
                    received += piece
            found = re.findall(rb"HTTP/1.1 (\d+) ", received)
            self.assertEqual([b"200", b"404", b"200"], found or received, service)

    def test_takes_chunked_bodies_and_refuses_bad_ones(self):
        for service, method, path in [("users", "POST", "/users"), ("inventory", "PUT", "/reservations/x"),
                                      ("payments", "PUT", "/payments/x")]:
            head = f"{method} {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
            for body, expected in [(b"2\r\n{}\r\n0\r\n\r\n", b"422"), (b"zz\r\n{}\r\n0\r\n\r\n", b"400")]:
                with socket.create_connection(("127.0.0.1", system.ports[service]), 5) as peer:
                    peer.sendall(head.encode() + body)
                    self.assertEqual(peer.recv(65536).split()[1], expected, (service, body))
            self.assertEqual(ask(system.ports[service], method, path, b"{" * 70000)[0], 413, service)
            self.assertEqual(ask(system.ports[service], method, path, b"{nonsense")[0], 400, service)


class Stopping(unittest.TestCase):
    """SIGTERM goes to the whole process group, as supervisors send it."""

    def tearDown(self):
        for name, instance in system.instances.items():
            if instance.process.poll() is not None:
                system.restart(name)

    def test_closes_idle_connections_and_ends_with_0_at_once(self):
        for name in list(system.instances):
            used = http.client.HTTPConnection("127.0.0.1", system.ports[name], timeout=5)
            used.request("GET", "/healthz")
            self.assertEqual(used.getresponse().read()[:1], b"{")
            with socket.create_connection(("127.0.0.1", system.ports[name]), 5) as unused, used.sock as kept:
                started = time.monotonic()
                self.assertEqual(system.instances[name].terminate(), 0, name)
                self.assertLess(time.monotonic() - started, 4, name)
                for idle in (kept, unused):
                    self.assertEqual(self.rest(idle), b"", name)

    @staticmethod
    def rest(peer):
        try:
            return peer.recv(65536)
        except ConnectionResetError:
            return b""

    def test_finishes_the_request_in_flight(self):
        system.restart("payments", BANK_DELAY_MS="600")
        user, answer = new_user(), []
        thread = threading.Thread(target=lambda: answer.append(order(user)))
        thread.start()
        log = system.instances["inventory"].log
        seen = log.read_text().count("PUT /reservations/")
        wait_until(lambda: log.read_text().count("PUT /reservations/") > seen, 3, "the order is on its way")
        time.sleep(0.1)  # now the charge is in flight: both who asked and who is asked must finish
        os.killpg(system.instances["payments"].process.pid, signal.SIGTERM)
        self.assertEqual(system.instances["orders"].terminate(), 0)
        thread.join(5)
        status, done, headers = answer[0]
        self.assertEqual((status, done["status"]), (201, "completed"), done)
        self.assertEqual(headers["Connection"], "close")
        self.assertEqual(system.instances["payments"].process.wait(3), 0)

    def test_ends_a_stream_properly_so_that_another_replica_goes_on_with_it(self):
        system.restart("payments", BANK_DELAY_MS="800")
        accepted = order(new_user(), Prefer="respond-async")[1]
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            reading = pool.submit(stream, accepted, at="orders2")
            time.sleep(0.3)
            self.assertEqual(system.instances["orders2"].terminate(), 0)
            first = reading.result(5)
        self.assertNotEqual(first[-1][0], "end")
        rest = stream(accepted, first[-1][1]["seq"], at="orders")
        self.assertEqual(rest[0][1]["seq"], first[-1][1]["seq"] + 1)
        self.assertEqual(rest[-1], ("end", {"status": "completed"}))
        system.restart("payments")

    def test_leaves_no_process_behind_after_kill_9(self):
        instance = system.instances["notifications"]
        children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(instance.process.pid)],
                                  capture_output=True, text=True).stdout.split()
        self.assertEqual(len(children), 1)
        instance.kill()
        wait_until(lambda: self.gone(children[0]), 3, "the sqlite3 process has gone as well")

    @staticmethod
    def gone(pid):
        """Ended; whether somebody has collected it is not the service's business."""
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
                return stat.read().rpartition(")")[2].split()[0] == "Z"
        except FileNotFoundError:
            return True


if __name__ == "__main__":
    unittest.main()
