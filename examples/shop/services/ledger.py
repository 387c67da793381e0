"""The orders' book: one row an order, and every event of its way in the sequence it happened.

Several replicas share the book. An order in progress belongs to the replica that holds its lease;
each event written renews the lease, and a replica that lost it (it hung, or was thought dead) gets
LostLease instead of writing over another's work. An order whose lease ran out is open to be
claimed: `claim_abandoned` hands it to exactly one replica.
"""
import json
import os
import secrets
import time

from database import Database

# Longer than any one call (placing.CALL_SECONDS), so that whoever works keeps its lease.
LEASE_SECONDS = float(os.environ.get("LEASE_SECONDS", "10"))
OPEN = ("placing", "undoing")
SCHEMA = [
    """CREATE TABLE IF NOT EXISTS orders (
        id TEXT PRIMARY KEY, user_id TEXT NOT NULL, idempotency_key TEXT NOT NULL, fingerprint TEXT NOT NULL,
        status TEXT NOT NULL, reason_code TEXT, reason TEXT, reply_status INTEGER,
        items TEXT NOT NULL, total_cents INTEGER, currency TEXT,
        owner TEXT NOT NULL, lease_until REAL NOT NULL, created_at REAL NOT NULL,
        UNIQUE (user_id, idempotency_key))""",
    """CREATE TABLE IF NOT EXISTS events (
        order_id TEXT NOT NULL REFERENCES orders(id), seq INTEGER NOT NULL, step TEXT NOT NULL,
        state TEXT NOT NULL, detail TEXT NOT NULL, at REAL NOT NULL, PRIMARY KEY (order_id, seq)) WITHOUT ROWID""",
    """CREATE INDEX IF NOT EXISTS open_orders ON orders(lease_until)
        WHERE status IN ('placing', 'undoing')""",
]


class LostLease(Exception):
    """Another replica has taken this order over; whoever sees this stops working on it."""


class Ledger:
    def __init__(self, instance):
        self.database = Database("orders", SCHEMA)
        # Unique for each start, so that a restarted instance does not take its own past for itself.
        self.owner = f"{instance}/{secrets.token_hex(4)}"

    def open_order(self, user_id, key, fingerprint, items):
        """A new order, or the one that this customer placed with the same key: (order, is_new)."""
        now = time.time()
        with self.database.transaction() as book:
            known = book.one("SELECT * FROM orders WHERE user_id = ? AND idempotency_key = ?", user_id, key)
            if known:
                return known, False
            order_id = "ord_" + secrets.token_hex(8)
            book.change("INSERT INTO orders (id, user_id, idempotency_key, fingerprint, status, items, owner, "
                        "lease_until, created_at) VALUES (?, ?, ?, ?, 'placing', ?, ?, ?, ?)",
                        order_id, user_id, key, fingerprint, json.dumps(items), self.owner,
                        now + LEASE_SECONDS, now)
            return book.one("SELECT * FROM orders WHERE id = ?", order_id), True

    def get(self, order_id):
        return self.database.one("SELECT * FROM orders WHERE id = ?", order_id)

    def of_user(self, user_id):
        return self.database.query("SELECT * FROM orders WHERE user_id = ? ORDER BY created_at DESC LIMIT 50", user_id)

    def events(self, order_id, after=0):
        return self.database.query("SELECT seq, step, state, detail, at FROM events WHERE order_id = ? AND seq > ? "
                                   "ORDER BY seq", order_id, after)

    def note(self, order_id, step, state, detail=""):
        """Writes the next event and renews the lease, or raises LostLease."""
        with self.database.transaction() as book:
            self._renew(book, order_id)
            self._append(book, order_id, step, state, detail)

    def price(self, order_id, items, total_cents, currency):
        with self.database.transaction() as book:
            self._renew(book, order_id)
            book.change("UPDATE orders SET items = ?, total_cents = ?, currency = ? WHERE id = ?",
                        json.dumps(items), total_cents, currency, order_id)

    def start_undoing(self, order_id, code, reason, reply_status):
        """From here the order can only be cancelled. The first reason stays the reason."""
        with self.database.transaction() as book:
            self._renew(book, order_id)
            book.change("UPDATE orders SET status = 'undoing', reason_code = coalesce(reason_code, ?), "
                        "reason = coalesce(reason, ?), reply_status = coalesce(reply_status, ?) WHERE id = ?",
                        code, reason, reply_status, order_id)

    def finish(self, order_id, status, detail=""):
        """The order's end, `completed` or `cancelled`, and its last event."""
        with self.database.transaction() as book:
            self._renew(book, order_id)
            book.change("UPDATE orders SET status = ? WHERE id = ?", status, order_id)
            self._append(book, order_id, "order", status, detail)

    def append_after_end(self, order_id, step, state, detail):
        """An event that may come when the order is finished already, such as its notification."""
        with self.database.transaction() as book:
            self._append(book, order_id, step, state, detail)

    def claim_abandoned(self, limit=10):
        """Takes over orders whose replica stopped working on them; each goes to one replica only."""
        now = time.time()
        with self.database.transaction() as book:
            rows = book.query("SELECT id FROM orders WHERE status IN ('placing', 'undoing') AND lease_until < ? "
                              "ORDER BY lease_until LIMIT ?", now, limit)
            for row in rows:
                book.change("UPDATE orders SET owner = ?, lease_until = ? WHERE id = ?",
                            self.owner, now + LEASE_SECONDS, row["id"])
        return [row["id"] for row in rows]

    def _renew(self, book, order_id):
        renewed = book.change("UPDATE orders SET lease_until = ? WHERE id = ? AND owner = ? "
                              "AND status IN ('placing', 'undoing')",
                              time.time() + LEASE_SECONDS, order_id, self.owner)
        if renewed == 0:
            raise LostLease(order_id)

    @staticmethod
    def _append(book, order_id, step, state, detail):
        book.change("INSERT INTO events SELECT ?, coalesce(max(seq), 0) + 1, ?, ?, ?, ? FROM events "
                    "WHERE order_id = ?", order_id, step, state, detail, time.time(), order_id)
