// API keys by the admin API: list, create, rotate, revoke.
#include <fmt/format.h>

#include "base/text.h"
#include "base/units.h"
#include "console/admin_api.h"
#include "console/admin_reply.h"
#include "http/server.h"

namespace tl::console {

namespace {

constexpr size_t kMostBody = 64 << 10;
constexpr base::Duration kMostGrace = std::chrono::hours{24 * 366};

Json time_json(base::WallTime time) { return time == base::WallTime{} ? Json(nullptr) : Json(base::format_time(time)); }

Json key_json(const KeyView& key) {
    return {{"name", key.name},
            {"id", key.id},
            {"plan", key.plan},
            {"scopes", key.scopes},
            {"roles", key.roles},
            {"created", time_json(key.created)},
            {"rotated", time_json(key.rotated)},
            {"former_until", time_json(key.former_until)},
            {"used", time_json(key.used)}};
}

// What is not a list of texts is told, not guessed.
base::Result<NewKey> parse_new_key(const std::string& text) {
    const Json json = Json::parse(text, nullptr, false);
    if (!json.is_object()) return base::fail(base::Code::invalid, "the body is no JSON object");
    NewKey key;
    for (const auto& [name, value] : json.items()) {
        const bool list = name == "scopes" || name == "roles";
        if (list && value.is_array()) {
            for (const Json& one : value) {
                if (!one.is_string()) return base::fail(base::Code::invalid, fmt::format("{} has texts only", name));
                (name == "scopes" ? key.scopes : key.roles).push_back(one.get<std::string>());
            }
        } else if ((name == "name" || name == "plan") && value.is_string()) {
            (name == "name" ? key.name : key.plan) = value.get<std::string>();
        } else {
            return base::fail(base::Code::invalid,
                              fmt::format("\"{}\" is not understood: a key has name and plan (texts), scopes and roles "
                                          "(lists of texts)",
                                          base::printable(name, 64)));
        }
    }
    if (key.name.empty()) return base::fail(base::Code::invalid, "the key has no name");
    return key;
}

}  // namespace

rt::Task<void> AdminApi::keys(http::ServerExchange& exchange, const RequestTarget&) {
    Json list = Json::array();
    for (const KeyView& key : system_->keys()) list.push_back(key_json(key));
    co_await send_json(exchange, Json{{"keys", std::move(list)}});
}

rt::Task<void> AdminApi::create_key(http::ServerExchange& exchange, const RequestTarget&) {
    const auto text = co_await http::read_all(exchange, kMostBody);
    if (!text) {
        co_await send_problem(exchange, text.error());
        co_return;
    }
    auto wanted = parse_new_key(*text);
    if (!wanted) {
        co_await send_problem(exchange, std::move(wanted.error()));
        co_return;
    }
    const std::string name = wanted->name;
    auto made = system_->create_key(std::move(*wanted));
    if (!made) {
        co_await send_problem(exchange, std::move(made.error()));
        co_return;
    }
    co_await send_json(exchange, Json{{"name", name}, {"key", *made}});
}

rt::Task<void> AdminApi::rotate_key(http::ServerExchange& exchange, const RequestTarget& target) {
    const auto grace = base::parse_duration(target.find("grace").value_or("24h"));
    if (!grace || *grace > kMostGrace) {
        co_await send_problem(exchange, 400, "invalid", "grace takes a time of up to a year, as in 24h");
        co_return;
    }
    auto made = system_->rotate_key(target.segments[2], *grace);
    if (!made) {
        co_await send_problem(exchange, std::move(made.error()));
        co_return;
    }
    co_await send_json(exchange, Json{{"name", target.segments[2]}, {"key", *made}});
}

rt::Task<void> AdminApi::revoke_key(http::ServerExchange& exchange, const RequestTarget& target) {
    auto done = system_->revoke_key(target.segments[2]);
    if (!done) {
        co_await send_problem(exchange, std::move(done.error()));
        co_return;
    }
    co_await send_json(exchange, Json{{"name", target.segments[2]}, {"revoked", true}});
}

}  // namespace tl::console
