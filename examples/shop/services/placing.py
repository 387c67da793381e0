"""How an order is placed, step by step, and undone by hand when a step fails.

Each step is written down as `started` before the call leaves and as `done`, `refused` or `failed`
after it. `refused` (4xx) means the callee did nothing; after `failed` (no answer, 5xx) nobody knows,
so a failed step is undone as well. That is safe because every undo may be repeated, and may even
arrive before the step it undoes: the callee then remembers it, and refuses the late step.
"""
import json
import time

from ledger import LostLease
from web import Refused, Unavailable, call

ORDER_SECONDS = 8.0  # for all steps together; the undo has its own time
CALL_SECONDS = 3.0   # well under the lease, so that no call outlives it


class Cancelled(Exception):
    """A step failed for good: the code, the reason in words, and the status for the customer."""

    def __init__(self, status, code, reason):
        super().__init__(reason)
        self.status, self.code, self.reason = status, code, reason


class Placing:
    """Places or undoes one order. `headers` are the trace headers of the request behind it."""

    def __init__(self, ledger, order_id, headers):
        self.ledger, self.order_id, self.headers = ledger, order_id, headers
        self.deadline = time.monotonic() + ORDER_SECONDS

    def place(self, card):
        """All steps, or none. Returns normally either way; the outcome stands in the ledger."""
        order = self.ledger.get(self.order_id)
        try:
            items = json.loads(order["items"])
            user = self._step("user", lambda: self._check_user(order["user_id"]))
            items, total, currency = self._step("prices", lambda: self._price(items))
            self._step("stock", lambda: self._reserve(items))
            self._step("payment", lambda: self._charge(total, currency, card))
            self._step("shipping", lambda: self._ship(user, items))
            self.ledger.finish(self.order_id, "completed")
        except Cancelled as cancelled:
            self.undo(cancelled.code, cancelled.reason, cancelled.status)
            return
        except LostLease:
            return  # another replica is undoing it
        self._notify(order["user_id"], "completed", "Thank you! Your order is on its way.")

    def undo(self, code, reason, reply_status):
        """Takes back, last step first, what was or may have been done. What cannot be taken back
        now stays open; `claim_abandoned` brings it here again when its lease has run out."""
        try:
            self.ledger.start_undoing(self.order_id, code, reason, reply_status)
            for step in self._to_undo():
                self._undo_step(step)
            order = self.ledger.get(self.order_id)
            self.ledger.finish(self.order_id, "cancelled", order["reason"])
        except (Unavailable, Refused, LostLease):
            return
        self._notify(order["user_id"], "cancelled", f"Your order was cancelled: {order['reason']}")

    def _step(self, name, action):
        if time.monotonic() > self.deadline:
            raise Cancelled(503, "too_slow", f"The order took more than {ORDER_SECONDS:.0f} seconds.")
        self.ledger.note(self.order_id, name, "started")
        try:
            result, detail = action()
        except Refused as refused:
            self.ledger.note(self.order_id, name, "refused", refused.detail)
            raise self._refusal(refused) from None
        except Unavailable as unavailable:
            self.ledger.note(self.order_id, name, "failed", unavailable.detail)
            raise Cancelled(503, f"{unavailable.callee}_unavailable", unavailable.detail) from None
        self.ledger.note(self.order_id, name, "done", detail)
        return result

    @staticmethod
    def _refusal(refused):
        """The customer's fault keeps its status; any other refusal is a fault between services."""
        status = {402: 402, 404: 422, 409: 409, 422: 422}.get(refused.status, 503)
        return Cancelled(status, refused.code, refused.detail)

    def _call(self, callee, method, path, body=None):
        return call(callee, method, path, body, self.headers, CALL_SECONDS)

    def _check_user(self, user_id):
        user = self._call("users", "GET", f"/users/{user_id}")
        return user, f"{user['name']} is registered."

    def _price(self, items):
        priced, currencies = [], set()
        for item in items:
            product = self._call("products", "GET", f"/products/{item['sku']}")
            currencies.add(product["currency"])
            priced.append({**item, "name": product["name"], "price_cents": product["price_cents"]})
        total, currency = sum(item["price_cents"] * item["quantity"] for item in priced), currencies.pop()
        self.ledger.price(self.order_id, priced, total, currency)
        counted = "1 product" if len(priced) == 1 else f"{len(priced)} products"
        return (priced, total, currency), f"{counted}, {money(total, currency)} in all."

    def _reserve(self, items):
        wanted = [{"sku": item["sku"], "quantity": item["quantity"]} for item in items]
        self._call("inventory", "PUT", f"/reservations/{self.order_id}", {"items": wanted})
        return None, ", ".join(f"{item['quantity']} x {item['sku']}" for item in wanted) + " reserved."

    def _charge(self, total, currency, card):
        body = {"amount_cents": total, "currency": currency, "card": card}
        payment = self._call("payments", "PUT", f"/payments/{self.order_id}", body)
        return None, f"{money(total, currency)} charged to the card ending in {payment['card_last4']}."

    def _ship(self, user, items):
        parcels = [{"sku": item["sku"], "quantity": item["quantity"]} for item in items]
        body = {"name": user["name"], "address": user["address"], "items": parcels}
        shipment = self._call("shipping", "PUT", f"/shipments/{self.order_id}", body)
        return None, f"Parcel {shipment['tracking']} goes to {user['address']['city']}."

    def _notify(self, user_id, kind, text):
        """Tells the customer. The order stands whether or not this arrives."""
        message = {"user_id": user_id, "order_id": self.order_id, "kind": kind, "text": text}
        try:
            self._call("notifications", "POST", "/messages", message)
            state, detail = "done", f"The customer was told: {kind}."
        except (Refused, Unavailable) as error:
            state, detail = "failed", error.detail
        self.ledger.append_after_end(self.order_id, "notification", state, detail)

    def _to_undo(self):
        """Steps with something to take back, the last one first."""
        latest = {event["step"]: event["state"] for event in self.ledger.events(self.order_id)}
        return [step for step in ("shipping", "payment", "stock")
                if latest.get(step) in ("started", "done", "failed", "undo failed")]

    def _undo_step(self, step):
        callee, method, path, words = {
            "shipping": ("shipping", "DELETE", f"/shipments/{self.order_id}", "The parcel was stopped."),
            "payment": ("payments", "POST", f"/payments/{self.order_id}/refund", "The money was paid back."),
            "stock": ("inventory", "DELETE", f"/reservations/{self.order_id}", "The reservation was released."),
        }[step]
        try:
            result = self._call(callee, method, path)
        except (Refused, Unavailable) as error:
            self.ledger.note(self.order_id, step, "undo failed", error.detail)
            raise
        self.ledger.note(self.order_id, step, "undone", words if result["changed"] else "There was nothing to undo.")


def money(cents, currency):
    return f"{cents // 100}.{cents % 100:02d} {currency}"
