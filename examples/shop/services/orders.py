#!/usr/bin/env python3
"""Orders: takes orders and sees each through all other services. Context: ordering.

POST /orders answers when the order is completed or cancelled; with `Prefer: respond-async` it
answers 202 at once, and GET /orders/{id}/events tells what happens while it happens.
A retry with the same Idempotency-Key gets the first order, never a second one.
"""
import concurrent.futures
import hashlib
import json
import random
import secrets
import threading
import time

from ledger import OPEN, Ledger
from placing import Placing
from web import Problem, Reply, Service, Stream

MAX_BACKGROUND = 32
WAIT_FOR_TWIN_SECONDS = 12.0
EVENTS_SECONDS = 25.0
EVENTS_POLL_SECONDS = 0.05

service = Service("orders", healthy=lambda: ledger.database.check())
ledger = Ledger(service.instance)
background = concurrent.futures.ThreadPoolExecutor(MAX_BACKGROUND)
background_slots = threading.BoundedSemaphore(MAX_BACKGROUND)


@service.route("POST", "/orders")
def place(request):
    user_id, items, card = wanted(request.json(), request.consumer)
    key = request.headers.get("Idempotency-Key") or secrets.token_hex(16)
    if len(key) > 200:
        raise Problem(400, "bad_idempotency_key", "An Idempotency-Key may have 200 characters.")
    order, is_new = ledger.open_order(user_id, key, fingerprint(items, card), items)
    if not is_new:
        return answer_again(order, fingerprint(items, card))
    placing = Placing(ledger, order["id"], request.trace_headers())
    if "respond-async" in request.headers.get("Prefer", ""):
        return place_in_background(placing, card)
    placing.place(card)
    return outcome(ledger.get(order["id"]))


def wanted(body, consumer):
    """The order's user, items and card; 422 names the field that is wrong. Nobody orders for somebody else."""
    user_id, items, card = body.get("user_id", consumer), body.get("items"), body.get("card")
    if consumer not in (None, user_id):
        raise Problem(403, "not_yours", "An order is placed by the customer who pays for it.")
    if not is_name(user_id):
        raise Problem(422, "invalid_field", "'user_id' must be a user's id.", field="user_id")
    if not isinstance(card, str) or not 12 <= len(card) <= 23:
        raise Problem(422, "invalid_field", "'card' must be a card number.", field="card")
    if not isinstance(items, list) or not 1 <= len(items) <= 20:
        raise Problem(422, "invalid_field", "'items' must have 1 to 20 entries.", field="items")
    quantities = {}
    for item in items:
        sku = item.get("sku") if isinstance(item, dict) else None
        quantity = item.get("quantity", 1) if isinstance(item, dict) else None
        if not is_name(sku) or type(quantity) is not int or not 1 <= quantity <= 100:
            raise Problem(422, "invalid_field", "An item is {\"sku\": \"cup\", \"quantity\": 1 to 100}.", field="items")
        quantities[sku] = quantities.get(sku, 0) + quantity
    return user_id, [{"sku": sku, "quantity": quantity} for sku, quantity in quantities.items()], card


def is_name(value):
    """Ids and skus become path segments of calls: letters, digits, - and _ only."""
    return isinstance(value, str) and 1 <= len(value) <= 64 and value.isascii() and \
        value.replace("_", "a").replace("-", "a").isalnum()


def fingerprint(items, card):
    """Tells whether a retry is a retry. Of the card, only the last digits are kept anywhere here."""
    return hashlib.sha256(json.dumps([items, card[-4:]]).encode()).hexdigest()


def place_in_background(placing, card):
    if not background_slots.acquire(blocking=False):
        placing.undo("too_busy", "Too many orders are being placed at once; try again.", 503)
        return outcome(ledger.get(placing.order_id))

    def work():
        try:
            placing.place(card)
        finally:
            background_slots.release()

    background.submit(work)
    order = ledger.get(placing.order_id)
    return Reply(shown(order), 202, {"Location": f"/orders/{order['id']}", "Preference-Applied": "respond-async"})


def answer_again(order, print_now):
    """The answer to a retry: that of the first request, waited for if it is still on its way."""
    if order["fingerprint"] != print_now:
        raise Problem(422, "idempotency_key_reused", "This Idempotency-Key was used for a different order.")
    end = time.monotonic() + WAIT_FOR_TWIN_SECONDS
    while order["status"] in OPEN and time.monotonic() < end and not service.stopping.is_set():
        time.sleep(0.05)
        order = ledger.get(order["id"])
    if order["status"] in OPEN:
        raise Problem(409, "still_in_progress", "The first request with this key is not finished; retry in a "
                      "few seconds.", order=shown(order))
    reply = outcome(order)
    reply.headers["Idempotent-Replayed"] = "true"
    return reply


def outcome(order):
    location = {"Location": f"/orders/{order['id']}"}
    if order["status"] == "completed":
        return Reply(shown(order), 201, location)
    problem = Problem(order["reply_status"] or 503, order["reason_code"] or "interrupted",
                      order["reason"] or "The order was interrupted and is being undone.", order=shown(order))
    return Reply(problem.body(), problem.status, location, "application/problem+json")


def shown(order):
    reason = {"code": order["reason_code"], "detail": order["reason"]} if order["reason_code"] else None
    events = ledger.events(order["id"])
    open_step = events[-1:] if events and events[-1]["state"] == "started" else []
    return {"id": order["id"], "user_id": order["user_id"], "status": order["status"], "reason": reason,
            "items": json.loads(order["items"]), "total_cents": order["total_cents"],
            "currency": order["currency"], "created_at": order["created_at"],
            "steps": [event for event in events if event["state"] != "started"] + open_step}


def find(request, order_id):
    order = ledger.get(order_id)
    if order is None or not request.may_see(order["user_id"]):
        raise Problem(404, "unknown_order", f"There is no order {order_id}.")
    return order


@service.route("GET", "/orders/{order_id}")
def show(request, order_id):
    return Reply(shown(find(request, order_id)))


@service.route("GET", "/orders")
def list_orders(request):
    if not is_name(request.query.get("user")):
        raise Problem(400, "user_missing", "Ask for a customer's orders: /orders?user=<id>.")
    if not request.may_see(request.query["user"]):
        raise Problem(403, "not_yours", "These orders are somebody else's.")
    return Reply({"orders": [shown(order) for order in ledger.of_user(request.query["user"])]})


@service.route("GET", "/orders/{order_id}/events")
def follow(request, order_id):
    """Server-sent events. A client that was cut off goes on by Last-Event-ID, at any replica."""
    find(request, order_id)
    last = request.headers.get("Last-Event-ID", "0")
    return Stream(events_until_end(order_id, int(last) if last.isdigit() and len(last) < 10 else 0),
                  "text/event-stream")


def events_until_end(order_id, last):
    end = time.monotonic() + EVENTS_SECONDS
    yield b"retry: 500\n\n"
    while True:
        status = ledger.get(order_id)["status"]  # read first: no event can slip in behind the end
        for event in ledger.events(order_id, last):
            last = event["seq"]
            yield sse(event["state"].replace(" ", "-"), event, last)
        if status not in OPEN:
            yield sse("end", {"status": status})
            return
        if time.monotonic() > end or service.stopping.is_set():
            return  # not the end of the order: the client comes again
        time.sleep(EVENTS_POLL_SECONDS)


def sse(name, value, number=None):
    head = f"id: {number}\n" if number is not None else ""
    return f"{head}event: {name}\ndata: {json.dumps(value, ensure_ascii=False)}\n\n".encode()


def undo_abandoned():
    """Orders whose replica died, or whose undo met a callee that was away, are undone here."""
    while not service.stopping.wait(1.0 + random.random()):
        try:
            for order_id in ledger.claim_abandoned():
                print(f"undoing order {order_id}, which was left unfinished", flush=True)
                Placing(ledger, order_id, {}).undo("interrupted", "The order was interrupted; try again.", 503)
        except Exception as error:  # a locked file, say: the next round tries again
            print(f"error while undoing: {type(error).__name__}: {error}", flush=True)


if __name__ == "__main__":
    sweeper = threading.Thread(target=undo_abandoned)
    sweeper.start()
    service.on_stop += [sweeper.join, background.shutdown]
    try:
        service.run()
    finally:
        service.stopping.set()
