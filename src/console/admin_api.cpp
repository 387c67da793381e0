#include "console/admin_api.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "console/admin_reply.h"

namespace tl::console {

namespace {

// "/v1/services/{name}/restart" against the segments of a request.
bool matches(std::string_view pattern, const std::vector<std::string>& segments) {
    const auto parts = base::split(pattern.substr(1), '/');
    if (pattern == "/") return segments.empty();
    if (parts.size() != segments.size()) return false;
    for (size_t i = 0; i < parts.size(); ++i) {
        if (!parts[i].starts_with('{') && parts[i] != segments[i]) return false;
    }
    return true;
}

// The sentence about a query key that `endpoint` does not know, or "".
std::string unknown_query(const AdminApi::Endpoint& endpoint, const RequestTarget& target) {
    std::vector<std::string> known;
    for (const std::string_view name : base::split(endpoint.query, ' ')) {
        if (!name.empty()) known.emplace_back(name);
    }
    for (const auto& [key, value] : target.query) {
        if (std::find(known.begin(), known.end(), key) != known.end()) continue;
        const std::string shown = base::printable(key, 64);
        if (known.empty()) return fmt::format("{} takes no query, but was given \"{}\"", endpoint.path, shown);
        return fmt::format("{} knows no \"{}\" in its query; it takes {}", endpoint.path, shown,
                           base::join(known, ", "));
    }
    return {};
}

template <class View>
Json list_of(std::string_view key, const std::vector<View>& views) {
    Json list = Json::array();
    for (const View& view : views) list.push_back(to_json(view));
    Json object = Json::object();
    object[std::string{key}] = std::move(list);
    return object;
}

bool is_trace_prefix(std::string_view text) {
    return text.size() >= 8 && text.size() <= 32 &&
           text.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
}

}  // namespace

const std::vector<AdminApi::Endpoint>& AdminApi::endpoints() {
    static const std::vector<Endpoint> all{
        {"GET", "/", "", "this list", &AdminApi::list},
        {"GET", "/v1/status", "", "the system at a glance, with its services", &AdminApi::status},
        {"GET", "/v1/services", "", "services and their instances", &AdminApi::services},
        {"GET", "/v1/routes", "", "the gateway's routes, in the order in which they are tried", &AdminApi::routes},
        {"GET", "/v1/why/{trace}", "colour", "every hop of one request; text with Accept: text/plain", &AdminApi::why},
        {"POST", "/v1/plan", "file", "what applying the manifest in the body would change", &AdminApi::plan},
        {"POST", "/v1/apply", "file", "apply the manifest in the body; answers line by line", &AdminApi::apply},
        {"POST", "/v1/services/{name}/restart", "", "rolling restart; answers line by line", &AdminApi::restart},
        {"POST", "/v1/upgrade", "binary", "go on as another program, losing nothing; answers line by line",
         &AdminApi::upgrade},
        {"POST", "/v1/stop", "", "end Trunkline and all that it runs", &AdminApi::stop_system},
        {"GET", "/v1/logs", "service tail follow", "output of services; answers line by line", &AdminApi::logs},
        {"GET", "/v1/keys", "", "the gateway's API keys, without their secrets", &AdminApi::keys},
        {"POST", "/v1/keys", "", "make the key that the body describes; the answer alone has it",
         &AdminApi::create_key},
        {"POST", "/v1/keys/{name}/rotate", "grace", "a new key; the former one is valid for a while (24h)",
         &AdminApi::rotate_key},
        {"POST", "/v1/keys/{name}/revoke", "", "end a key now", &AdminApi::revoke_key},
        {"GET", "/v1/dump", "", "who waits for whom inside Trunkline", &AdminApi::dump_tasks},
        {"GET", "/metrics", "", "Prometheus text", &AdminApi::metrics},
    };
    return all;
}

rt::Task<void> AdminApi::handle(http::ServerExchange& exchange) {
    const bool admitted = co_await admit(exchange);
    if (!admitted) co_return;
    const codec::RequestHead& head = exchange.request();
    auto target = RequestTarget::parse(head.path, head.query);
    if (!target) {
        co_await send_problem(exchange, std::move(target.error()));
        co_return;
    }
    std::string allowed;
    for (const Endpoint& endpoint : endpoints()) {
        if (!matches(endpoint.path, target->segments)) continue;
        const bool is_head = head.method == codec::Method::head && endpoint.method == "GET";
        if (endpoint.method != head.method_text && !is_head) {
            if (!allowed.empty()) allowed += ", ";
            allowed += endpoint.method;
            continue;
        }
        std::string unknown = unknown_query(endpoint, *target);
        if (!unknown.empty()) {
            co_await send_problem(exchange, 400, "invalid", std::move(unknown));
            co_return;
        }
        co_await (this->*endpoint.run)(exchange, *target);
        co_return;
    }
    if (allowed.empty()) {
        co_await send_not_found(exchange);
        co_return;
    }
    std::string detail = fmt::format("{} takes {}, not {}", base::printable(head.path, 128), allowed,
                                     base::printable(head.method_text, 32));
    co_await send_problem(exchange, 405, "method_not_allowed", std::move(detail), Json{{"allow", allowed}});
}

// Host before token: a page under a foreign name learns nothing, not even whether a token is right.
rt::Task<bool> AdminApi::admit(http::ServerExchange& exchange) {
    const codec::RequestHead& head = exchange.request();
    if (!access_.host_is_fine(head.authority)) {
        co_await send_problem(exchange, 403, "foreign_host",
                              fmt::format("the admin API answers to localhost, 127.0.0.1 and [::1] only, not to \"{}\"",
                                          base::printable(head.authority, 128)));
        co_return false;
    }
    if (!access_.needs_token(head.path)) co_return true;
    const size_t given = head.headers.count(codec::Field::authorization);
    if (given == 1 && access_.admits(head.headers.value(codec::Field::authorization))) co_return true;
    const std::string_view what = given == 0 ? "the request has no token" : "the token is wrong";
    co_await send_problem(exchange, 401, "no_token",
                          fmt::format("{}; send \"Authorization: Bearer TOKEN\" with the content of the file {} in "
                                      "Trunkline's state folder",
                                      what, kTokenName));
    co_return false;
}

rt::Task<void> AdminApi::send_not_found(http::ServerExchange& exchange) {
    Json there = Json::array();
    for (const Endpoint& endpoint : endpoints()) {
        there.push_back(fmt::format("{} {}", endpoint.method, endpoint.path));
    }
    co_await send_problem(exchange, 404, "not_found",
                          fmt::format("there is no {} here", base::printable(exchange.request().path, 128)),
                          Json{{"there_is", there}});
}

rt::Task<void> AdminApi::list(http::ServerExchange& exchange, const RequestTarget&) {
    Json all = Json::array();
    for (const Endpoint& endpoint : endpoints()) {
        all.push_back({{"method", endpoint.method},
                       {"path", endpoint.path},
                       {"query", endpoint.query},
                       {"about", endpoint.about}});
    }
    co_await send_json(exchange, Json{{"endpoints", std::move(all)}});
}

rt::Task<void> AdminApi::status(http::ServerExchange& exchange, const RequestTarget&) {
    const StatusView view = co_await system_->status();
    co_await send_json(exchange, to_json(view));
}

rt::Task<void> AdminApi::services(http::ServerExchange& exchange, const RequestTarget&) {
    const std::vector<ServiceView> views = co_await system_->services();
    co_await send_json(exchange, list_of("services", views));
}

rt::Task<void> AdminApi::routes(http::ServerExchange& exchange, const RequestTarget&) {
    const std::vector<RouteView> views = co_await system_->routes();
    co_await send_json(exchange, list_of("routes", views));
}

rt::Task<void> AdminApi::why(http::ServerExchange& exchange, const RequestTarget& target) {
    const std::string& trace = target.segments[2];
    if (!is_trace_prefix(trace)) {
        co_await send_problem(exchange, 400, "invalid",
                              fmt::format("\"{}\" is no trace id: it needs its 32 hexadecimal digits, or at least the "
                                          "first 8; answers carry it in X-Trace-Id",
                                          base::printable(trace, 64)));
        co_return;
    }
    auto colour = target.flag("colour");
    if (!colour) {
        co_await send_problem(exchange, std::move(colour.error()));
        co_return;
    }
    auto why = co_await system_->why(base::lower(trace), *colour);
    if (!why) {
        co_await send_problem(exchange, std::move(why.error()));
        co_return;
    }
    const bool as_text =
        exchange.request().headers.value(codec::Field::accept).find("text/plain") != std::string_view::npos;
    co_await send_text(exchange, as_text ? kTextType : kJsonType,
                       as_text ? std::move(why->text) : std::move(why->json));
}

rt::Task<void> AdminApi::stop_system(http::ServerExchange& exchange, const RequestTarget&) {
    const StatusView view = co_await system_->status();
    system_->stop();
    co_await send_json(exchange, Json{{"stopping", true}, {"pid", view.pid}, {"system", view.system}});
}

rt::Task<void> AdminApi::metrics(http::ServerExchange& exchange, const RequestTarget&) {
    std::string text = co_await system_->metrics();
    co_await send_text(exchange, "text/plain; version=0.0.4; charset=utf-8", std::move(text));
}

rt::Task<void> AdminApi::dump_tasks(http::ServerExchange& exchange, const RequestTarget&) {
    std::string text = co_await system_->dump_tasks();
    co_await send_text(exchange, kTextType, std::move(text));
}

}  // namespace tl::console
