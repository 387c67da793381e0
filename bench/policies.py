#!/usr/bin/env python3
"""What a policy costs over a plain route: ./dev bench policies.

One Trunkline a row, all with the same backend: a plain route, and the same route with a policy. Each row is compared
with the plain one that has the same request (validation with a POST of 1 KB, the join with three plain requests).
Rounds are interleaved, medians count; a row beyond its goal says so.
"""
import argparse
import base64
import dataclasses
import hashlib
import hmac
import json
import pathlib
import subprocess
import time

from kit import backends, measure, peers, rounds
from kit.scenario import Scenario

BODY = json.dumps({"customer": "c-1", "items": [{"sku": f"sku-{n}", "count": n + 1, "note": "x" * 40} for n in range(12)]})
DOCUMENT = {
    "openapi": "3.1.0", "info": {"title": "Bench", "version": "1"},
    "paths": {"/": {"post": {
        "requestBody": {"required": True, "content": {"application/json": {"schema": {
            "type": "object", "required": ["customer", "items"], "additionalProperties": False,
            "properties": {
                "customer": {"type": "string", "pattern": "^c-[0-9]+$"},
                "items": {"type": "array", "minItems": 1, "items": {
                    "type": "object", "required": ["sku", "count"], "additionalProperties": False,
                    "properties": {"sku": {"type": "string", "maxLength": 40},
                                   "count": {"type": "integer", "minimum": 1},
                                   "note": {"type": "string"}}}}}}}}},
        "responses": {"200": {"description": "well"}}}}}}
SECRET = "s" * 32
ROUTE = "    - {{ path: /*, to: backend, policies: {{ {policies} }} }}\n"
JOIN = """    - path: /
      join:
        calls:
          one: { to: backend, path: /1 }
          two: { to: backend, path: /2 }
          three: { to: backend, path: /3 }
"""


@dataclasses.dataclass(frozen=True)
class Kind:
    """A row: what the route says, what is asked, and what it may cost: a factor over `base`, times `requests`."""
    name: str
    policies: str = ""
    routes: str = ""
    base: str = "plain"
    requests: int = 1
    goal: float = 0.0
    post: str = ""


KINDS = [
    Kind("plain"),
    Kind("limit and API key", "auth: api_key, limit: 1000000/s by api_key", goal=1.10),
    Kind("JWT, remembered", "auth: { jwt: { issuer: bench, audience: bench, secret: secret } }", goal=1.10),
    Kind("headers", 'headers: { request: { remove: [X-Debug], set: { X-Way: "{request.method} {request.path}" }, '
         'add: { X-Via: "gateway {trace.id}" } }, response: { remove: [Server] } }', goal=1.05),
    Kind("plain POST of 1 KB", post=BODY),
    Kind("OpenAPI, 1 KB", "openapi: openapi.json", base="plain POST of 1 KB", goal=1.30, post=BODY),
    Kind("join of three", routes=JOIN, requests=3, goal=1.15),
]


def token():
    def part(value):
        return base64.urlsafe_b64encode(value if isinstance(value, bytes) else json.dumps(value).encode()).rstrip(b"=")
    now = int(time.time())
    text = part({"alg": "HS256", "typ": "JWT"}) + b"." + part({"iss": "bench", "aud": "bench", "sub": "ada", "iat": now,
                                                               "exp": now + 3600, "roles": ["staff"]})
    return (text + b"." + part(hmac.digest(SECRET.encode(), text, hashlib.sha256))).decode()


def headers_of(kind, folder, binary):
    """What the load must say of itself."""
    if "jwt" in kind.policies:
        return (f"Authorization: Bearer {token()}",)
    if "api_key" in kind.policies:
        made = subprocess.run([binary, "keys", "create", "bench"], cwd=folder, capture_output=True, text=True, check=True)
        return (f"X-API-Key: {made.stdout.strip()}",)
    return ()


def start(kind, number, backend, cpu, binary, folder):
    """A running row and its load."""
    home = folder / str(number)
    (home / "trunkline").mkdir(parents=True)
    (home / "trunkline/secret").write_text(SECRET)
    (home / "trunkline/openapi.json").write_text(json.dumps(DOCUMENT))
    site = peers.Site(Scenario(), home, backend, cpu, {"trunkline": binary})
    routes = kind.routes or ROUTE.format(policies=kind.policies)
    process, port, log = peers.start_trunkline(site, routes=routes)
    measure.wait_listening(port, process, log)
    row = rounds.Row(kind.name, process, port, rss_at_start=rounds.rss(process))
    scenario = Scenario(headers=headers_of(kind, home / "trunkline", binary), post=kind.post)
    return row, scenario


def parse():
    parser = argparse.ArgumentParser(prog="./dev bench policies", description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--bin-dir", type=pathlib.Path, default=pathlib.Path("build/release/bin"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def figures(rows):
    """Name -> CPU a request, and the factor over its base."""
    cost = {row.name: row.median("cpu_us") for row, _ in rows}
    found = {}
    for kind in KINDS:
        base = cost[kind.base] * kind.requests
        found[kind.name] = {"cpu_us": cost[kind.name], "factor": cost[kind.name] / base, "goal": kind.goal,
                            "missed": bool(kind.goal) and cost[kind.name] / base > kind.goal}
    return found


def run():
    options = parse()
    say = (lambda *_, **__: None) if options.json else print
    binary = options.bin_dir.resolve() / "trunkline"
    folder, cpus = measure.workdir(), measure.proxy_cpus()
    backend = backends.start(Scenario(), folder, cpus[0], json_answer=True)
    rows = [start(kind, number, backend, cpus[1], binary, folder) for number, kind in enumerate(KINDS)]
    rounds.run_pairs(rows, options, cpus[0], folder, say)
    errors = {row.name: sum(one["errors"] for one in row.rounds) for row, _ in rows}
    found = figures(rows)
    if options.json:
        print(json.dumps(found, indent=2))
    else:
        print(f"\n{'':<20} {'CPU us':>8} {'of plain':>9} {'goal':>6}")
        for kind in KINDS:
            one = found[kind.name]
            goal = f"{kind.goal:.2f}" if kind.goal else ""
            word = f" (of {kind.requests} plain requests)" if kind.requests > 1 else ""
            print(f"{kind.name:<20} {one['cpu_us']:8.2f} {one['factor']:9.2f} {goal:>6}"
                  f"{'  missed' if one['missed'] else ''}{word}")
    bad = [name for name, count in errors.items() if count]
    if bad:
        raise RuntimeError(f"answers other than 200: {', '.join(bad)}")
    return 0


if __name__ == "__main__":
    measure.main(run)
