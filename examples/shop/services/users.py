#!/usr/bin/env python3
"""Users: who the customers are, where their parcels go, and how they sign in. Context: identity.

One of the staff is there from the start, desk@shop.example, if STAFF_PASSWORD is given.
"""
import os
import re
import secrets
import sqlite3
import time

from database import Database
from sign_in import TOKEN_SECONDS, hash_password, key, matches, token
from web import Problem, Reply, Service

SCHEMA = ["""CREATE TABLE IF NOT EXISTS users (
    id TEXT PRIMARY KEY, email TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
    street TEXT NOT NULL, city TEXT NOT NULL, country TEXT NOT NULL, created_at REAL NOT NULL)""",
          """CREATE TABLE IF NOT EXISTS credentials (
    user_id TEXT PRIMARY KEY, hash TEXT NOT NULL, role TEXT NOT NULL)"""]

signing_key = key()
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
    password = text(body, "password")
    if len(password) < 8:
        raise Problem(422, "invalid_field", "'password' must have 8 characters or more.", field="password")
    row = {"id": "usr_" + secrets.token_hex(8), "email": email, "name": text(body, "name"),
           "street": text(address, "street"), "city": text(address, "city"), "country": country}
    if not keep(row, password, "customer"):
        raise Problem(409, "email_taken", f"Somebody is registered as {email} already.")
    return Reply(shown(row), 201, {"Location": f"/users/{row['id']}"})


def keep(row, password, role):
    """False if the address is taken."""
    hashed = hash_password(password)  # outside of the transaction: it takes its time
    try:
        with database.transaction():
            database.change("INSERT INTO users VALUES (?, ?, ?, ?, ?, ?, ?)", row["id"], row["email"], row["name"],
                            row["street"], row["city"], row["country"], time.time())
            database.change("INSERT INTO credentials VALUES (?, ?, ?)", row["id"], hashed, role)
    except sqlite3.IntegrityError:
        return False
    return True


@service.route("POST", "/login")
def sign_in(request):
    body = request.json()
    email, password = text(body, "email").lower(), text(body, "password")
    found = database.one("SELECT user_id, hash, role FROM credentials JOIN users ON id = user_id WHERE email = ?", email)
    if not matches(password, found and found["hash"]):
        raise Problem(401, "wrong_password", "Nobody has this address and this password.")
    return Reply({"token": token(signing_key, found["user_id"], found["role"]), "expires_in": TOKEN_SECONDS,
                  "user_id": found["user_id"]})


@service.route("GET", "/users/{user_id}")
def show(request, user_id):
    row = database.one("SELECT * FROM users WHERE id = ?", user_id)
    if row is None or not request.may_see(user_id):
        raise Problem(404, "unknown_user", f"There is no user {user_id}.")
    return Reply(shown(row))


def hire():
    password = os.environ.get("STAFF_PASSWORD", "").strip()
    if password:
        keep({"id": "usr_desk", "email": "desk@shop.example", "name": "The desk", "street": "1 Counter", "city": "London",
              "country": "GB"}, password, "staff")


if __name__ == "__main__":
    hire()
    service.run()
