#!/usr/bin/env python3
"""Products: what is sold, and for how much. Context: catalog. Prices are whole cents."""
import os

from database import Database
from web import Problem, Reply, Service

CURRENCY = os.environ.get("CURRENCY", "EUR")
RANGE = [("teapot", "Stoneware teapot", 3490), ("cup", "Tea cup", 990), ("kettle", "Copper kettle", 7900),
         ("sencha", "Sencha, 100 g", 1290), ("assam", "Assam, 250 g", 1150), ("strainer", "Fine strainer", 650),
         ("tray", "Oak tray", 2450), ("honey", "Heather honey", 890), ("sticker", "Shop sticker", 100),
         ("samovar", "Silver samovar", 129000)]
SCHEMA = ["""CREATE TABLE IF NOT EXISTS products (
    sku TEXT PRIMARY KEY, name TEXT NOT NULL, price_cents INTEGER NOT NULL)"""]

database = Database("products", SCHEMA)
service = Service("products", healthy=database.check)


def shown(row):
    return {**row, "currency": CURRENCY}


@service.route("GET", "/products")
def browse(request):
    """?q= searches in names, ?after= goes on behind that sku; at most 50 at a time."""
    rows = database.query("SELECT sku, name, price_cents FROM products WHERE sku > ? AND instr(lower(name), ?) "
                          "ORDER BY sku LIMIT 50",
                          request.query.get("after", ""), request.query.get("q", "").lower())
    return Reply({"products": [shown(row) for row in rows]})


@service.route("GET", "/products/{sku}")
def show(request, sku):
    row = database.one("SELECT sku, name, price_cents FROM products WHERE sku = ?", sku)
    if row is None:
        raise Problem(404, "unknown_product", f"There is no product {sku}.")
    return Reply(shown(row))


if __name__ == "__main__":
    with database.transaction():
        for product in RANGE:
            database.change("INSERT INTO products VALUES (?, ?, ?) ON CONFLICT DO NOTHING", *product)
    service.run()
