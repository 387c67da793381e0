#!/usr/bin/env python3
"""Users: who the customers are and where their parcels go. Context: identity."""
import re
import secrets
import sqlite3
import time

from database import Database
from web import Problem, Reply, Service

SCHEMA = ["""CREATE TABLE IF NOT EXISTS users (
    id TEXT PRIMARY KEY, email TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
    street TEXT NOT NULL, city TEXT NOT NULL, country TEXT NOT NULL, created_at REAL NOT NULL)"""]

database = Database("users", SCHEMA)
service = Service("users", healthy=database.check)


def text(source, name, longest=200):
    """A field that must be there: the value, or 422 that names the field."""
    value = source.get(name)
    if not isinstance(value, str) or not value.strip() or len(value) > longest:
        raise Problem(422, "invalid_field", f"'{name}' must be a text of 1 to {longest} characters.", field=name)
    return value.strip()


def shown(row):
    return {"id": row["id"], "email": row["email"], "name": row["name"],
            "address": {"street": row["street"], "city": row["city"], "country": row["country"]}}


@service.route("POST", "/users")
def register(request):
    body = request.json()
    address = body.get("address")
    if not isinstance(address, dict):
        raise Problem(422, "invalid_field", "'address' must have street, city and country.", field="address")
    email = text(body, "email").lower()
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", email):
        raise Problem(422, "invalid_field", "'email' must look like ada@example.org.", field="email")
    country = text(address, "country").upper()
    if not re.fullmatch(r"[A-Z]{2}", country):
        raise Problem(422, "invalid_field", "'country' must be two letters, such as GB.", field="country")
    row = {"id": "usr_" + secrets.token_hex(8), "email": email, "name": text(body, "name"),
           "street": text(address, "street"), "city": text(address, "city"), "country": country}
    try:
        database.change("INSERT INTO users VALUES (?, ?, ?, ?, ?, ?, ?)", row["id"], row["email"], row["name"],
                        row["street"], row["city"], row["country"], time.time())
    except sqlite3.IntegrityError:
        raise Problem(409, "email_taken", f"Somebody is registered as {email} already.") from None
    return Reply(shown(row), 201, {"Location": f"/users/{row['id']}"})


@service.route("GET", "/users/{user_id}")
def show(request, user_id):
    row = database.one("SELECT * FROM users WHERE id = ?", user_id)
    if row is None:
        raise Problem(404, "unknown_user", f"There is no user {user_id}.")
    return Reply(shown(row))


if __name__ == "__main__":
    service.run()
