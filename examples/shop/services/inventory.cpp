// Inventory: how many of each product are there to sell. Context: catalog.
//
// GET /inventory is for customers. PUT and DELETE /reservations/{order} are for the orders service:
// both may be repeated, and a release that comes before its reservation closes the order for it.
#include <cstdio>

#include "database.h"
#include "web.h"

namespace {

using shop::Call;
using shop::Json;
using shop::Problem;
using shop::Reply;

constexpr const char* kSchema = R"(
    CREATE TABLE IF NOT EXISTS stock (
        sku TEXT PRIMARY KEY, available INTEGER NOT NULL CHECK (available >= 0));
    CREATE TABLE IF NOT EXISTS reservations (
        order_id TEXT PRIMARY KEY, state TEXT NOT NULL, items TEXT NOT NULL);
    INSERT INTO stock VALUES ('teapot', 400), ('cup', 2000), ('kettle', 150), ('sencha', 900),
        ('assam', 900), ('strainer', 60000), ('tray', 300), ('honey', 500), ('sticker', 1000000),
        ('samovar', 0)
        ON CONFLICT DO NOTHING;
)";
constexpr size_t kMaxItems = 50;

struct Item {
    std::string sku;
    long quantity;
};

std::vector<Item> parse_items(const Json& list) {
    if (!list.is_array() || list.empty() || list.size() > kMaxItems) {
        throw Problem(422, "invalid_field", "'items' must have 1 to 50 entries.");
    }
    std::vector<Item> items;
    for (const Json& entry : list) {
        const Json quantity = entry.is_object() ? entry.value("quantity", Json()) : Json();
        if (!quantity.is_number_integer() || quantity < 1 || quantity > 10000) {
            throw Problem(422, "invalid_field", "An item is {\"sku\": \"cup\", \"quantity\": 1 to 10000}.");
        }
        items.push_back({shop::text_field(entry, "sku"), quantity.get<long>()});
    }
    return items;
}

class Inventory {
  public:
    Reply list() {
        return {{{"inventory", database_.query("SELECT sku, available FROM stock ORDER BY sku LIMIT 500")}}};
    }

    Reply show(const std::string& sku) {
        const auto rows = database_.query("SELECT sku, available FROM stock WHERE sku = ?", {sku});
        if (rows.empty()) throw Problem(404, "unknown_product", "The inventory has no " + sku + ".");
        return {rows.front()};
    }

    Reply reserve(const std::string& order, const Json& body) {
        const auto items = parse_items(body.value("items", Json()));
        shop::Transaction transaction(database_);
        const auto known = database_.query("SELECT state FROM reservations WHERE order_id = ?", {order});
        if (!known.empty()) {
            if (known.front()["state"] == "held") return {{{"order_id", order}, {"state", "held"}}};
            throw Problem(409, "released", "The reservation of " + order + " was released already.");
        }
        for (const Item& item : items) take(item);
        database_.change("INSERT INTO reservations VALUES (?, 'held', ?)", {order, body["items"].dump()});
        transaction.commit();
        return {{{"order_id", order}, {"state", "held"}}, 201};
    }

    Reply release(const std::string& order) {
        shop::Transaction transaction(database_);
        const auto known = database_.query("SELECT state, items FROM reservations WHERE order_id = ?", {order});
        const bool held = !known.empty() && known.front()["state"] == "held";
        if (held) {
            for (const Item& item : parse_items(Json::parse(known.front()["items"].get<std::string>()))) {
                database_.change("UPDATE stock SET available = available + ? WHERE sku = ?", {item.quantity, item.sku});
            }
        }
        database_.change(
            "INSERT INTO reservations VALUES (?, 'released', '[]') "
            "ON CONFLICT DO UPDATE SET state = 'released'",
            {order});
        transaction.commit();
        return {{{"changed", held}}};
    }

    Reply restock(const std::string& sku, const Json& body) {
        const Json quantity = body.value("quantity", Json());
        if (!quantity.is_number_integer() || quantity < 1 || quantity > 1'000'000) {
            throw Problem(422, "invalid_field", "'quantity' must be 1 to 1000000.");
        }
        if (database_.change("UPDATE stock SET available = available + ? WHERE sku = ?", {quantity, sku}) == 0) {
            throw Problem(404, "unknown_product", "The inventory has no " + sku + ".");
        }
        return show(sku);
    }

    void check() { database_.check(); }

  private:
    // Inside a transaction: throwing rolls back what other items took.
    void take(const Item& item) {
        const Json& wanted = item.quantity;
        if (database_.change("UPDATE stock SET available = available - ? WHERE sku = ? AND available >= ?",
                             {wanted, item.sku, wanted}) == 1) {
            return;
        }
        const auto left = show(item.sku).body["available"].get<long>();
        throw Problem(409, "out_of_stock",
                      "Of " + item.sku + ", " + std::to_string(item.quantity) + " are wanted and " +
                          std::to_string(left) + " are left.");
    }

    shop::Database database_{"inventory", kSchema};
};

}  // namespace

int main() try {
    Inventory inventory;
    shop::Service service("inventory", [&] { inventory.check(); });
    service.get("/inventory", [&](const Call&) { return inventory.list(); });
    service.get("/inventory/([^/]+)", [&](const Call& call) { return inventory.show(call.group(1)); });
    service.put("/reservations/([^/]+)",
                [&](const Call& call) { return inventory.reserve(call.group(1), call.json()); });
    service.remove("/reservations/([^/]+)", [&](const Call& call) { return inventory.release(call.group(1)); });
    service.post("/restock/([^/]+)", [&](const Call& call) { return inventory.restock(call.group(1), call.json()); });
    return service.run();
} catch (const std::exception& error) {
    std::fprintf(stderr, "inventory: %s\n", error.what());
    return 1;
}
