"""Passwords and tokens of the shop's users, on the standard library.

A password is kept as its scrypt hash. Who knows it gets a JSON Web Token (RFC 7519, signed with HS256) for an hour;
the gateway checks it with the same key and tells services who asks in X-Consumer. Nobody else holds the key.
"""
import base64
import hashlib
import hmac
import json
import os
import secrets
import time

ISSUER, AUDIENCE = "https://users.shop.example", "shop"
TOKEN_SECONDS = 3600
COST = {"n": 1 << 14, "r": 8, "p": 1}  # 16 MB and some 50 ms for a guess


def hash_password(password):
    salt = secrets.token_bytes(16)
    return f"{salt.hex()}:{hashlib.scrypt(password.encode(), salt=salt, **COST).hex()}"


# So that a name that nobody has takes as long to refuse as a wrong password.
NOBODY = hash_password(secrets.token_hex(16))


def matches(password, kept):
    salt, _, expected = (kept or NOBODY).partition(":")
    found = hashlib.scrypt(password.encode(), salt=bytes.fromhex(salt), **COST)
    return hmac.compare_digest(found, bytes.fromhex(expected)) and kept is not None


def key():
    """The signing key, or SystemExit that says where it comes from."""
    value = os.environ.get("TOKEN_KEY", "").strip()
    if len(value) < 32:
        raise SystemExit("users: TOKEN_KEY must hold a secret of 32 bytes or more (secrets/token_key in the manifest)")
    return value.encode()


def token(signing_key, user_id, role):
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": user_id, "roles": [role], "iat": now, "exp": now + TOKEN_SECONDS}
    signed = ".".join(encoded(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims))
    return signed + "." + encoded(hmac.new(signing_key, signed.encode(), hashlib.sha256).digest())


def encoded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
