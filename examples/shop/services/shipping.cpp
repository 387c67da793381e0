// Shipping: makes parcels, and stops them as long as they are in the house. Context: fulfilment.
//
// PUT and DELETE /shipments/{order} may be repeated; a stop that comes before its parcel closes
// the order for it. Antarctica (AQ) is not served: that is how the shop shows a late failure.
#include <cstdint>
#include <cstdio>

#include "database.h"
#include "web.h"

namespace {

using shop::Call;
using shop::Json;
using shop::Problem;
using shop::Reply;

constexpr const char* kSchema = R"(
    CREATE TABLE IF NOT EXISTS shipments (
        order_id TEXT PRIMARY KEY, state TEXT NOT NULL, tracking TEXT NOT NULL, name TEXT NOT NULL,
        street TEXT NOT NULL, city TEXT NOT NULL, country TEXT NOT NULL);
)";

// The same order always gets the same number (FNV-1a): a repeated request cannot make a second one.
std::string tracking_number(const std::string& order) {
    uint64_t hash = 14695981039346656037ULL;
    for (const char c : order) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
    char text[24];
    std::snprintf(text, sizeof text, "TL%013llu", static_cast<unsigned long long>(hash % 10'000'000'000'000ULL));
    return text;
}

class Shipping {
  public:
    Reply ship(const std::string& order, const Json& body) {
        const Json address = body.value("address", Json());
        if (!address.is_object()) throw Problem(422, "invalid_field", "'address' must have street, city and country.");
        const std::string country = shop::text_field(address, "country");
        if (country == "AQ") throw Problem(422, "cannot_ship", "Parcels do not go to AQ.");
        const int made =
            database_.change("INSERT INTO shipments VALUES (?, 'ready', ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                             {order, tracking_number(order), shop::text_field(body, "name"),
                              shop::text_field(address, "street"), shop::text_field(address, "city"), country});
        Reply reply = show(order);
        if (reply.body["state"] == "stopped") {
            throw Problem(409, "stopped", "The parcel of " + order + " was stopped already.");
        }
        reply.status = made == 1 ? 201 : 200;
        return reply;
    }

    Reply stop(const std::string& order) {
        shop::Transaction transaction(database_);
        const bool stopped =
            database_.change("UPDATE shipments SET state = 'stopped' WHERE order_id = ? AND state = 'ready'",
                             {order}) == 1;
        database_.change("INSERT INTO shipments VALUES (?, 'stopped', '', '', '', '', '') ON CONFLICT DO NOTHING",
                         {order});
        transaction.commit();
        return {{{"changed", stopped}}};
    }

    Reply show(const std::string& order) {
        const auto rows = database_.query(
            "SELECT order_id, state, tracking, city, country FROM shipments WHERE order_id = ?", {order});
        if (rows.empty()) throw Problem(404, "unknown_shipment", "There is no parcel for " + order + ".");
        return {rows.front()};
    }

    // Of an order that was never shipped there are none: no mistake of who asks.
    Reply parcels(const std::string& order) {
        return {{{"parcels", database_.query("SELECT tracking, state, city, country FROM shipments "
                                             "WHERE order_id = ? AND tracking != ''",
                                             {order})}}};
    }

    void check() { database_.check(); }

  private:
    shop::Database database_{"shipping", kSchema};
};

}  // namespace

int main() try {
    Shipping shipping;
    shop::Service service("shipping", [&] { shipping.check(); });
    service.put("/shipments/([^/]+)", [&](const Call& call) { return shipping.ship(call.group(1), call.json()); });
    service.get("/shipments/([^/]+)", [&](const Call& call) { return shipping.show(call.group(1)); });
    service.get("/orders/([^/]+)/parcels", [&](const Call& call) { return shipping.parcels(call.group(1)); });
    service.remove("/shipments/([^/]+)", [&](const Call& call) { return shipping.stop(call.group(1)); });
    return service.run();
} catch (const std::exception& error) {
    std::fprintf(stderr, "shipping: %s\n", error.what());
    return 1;
}
