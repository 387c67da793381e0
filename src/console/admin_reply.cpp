#include "console/admin_reply.h"

#include <fmt/format.h>

namespace tl::console {

namespace {

rt::Task<void> send(http::ServerExchange& exchange, uint16_t status, codec::HeaderTable headers, std::string body) {
    headers.add(codec::Field::cache_control, "no-store");
    headers.add("X-Content-Type-Options", "nosniff");
    const http::OutgoingResponse response{
        .status = status, .headers = &headers, .length = {http::BodyLength::Kind::known, body.size()}};
    [[maybe_unused]] const auto sent = co_await exchange.send(response, {body, true});
}

}  // namespace

std::string dump(const Json& json, int indent) { return json.dump(indent, ' ', false, Json::error_handler_t::replace); }

uint16_t status_of(base::Code code) {
    switch (code) {
        case base::Code::invalid: return 400;
        case base::Code::refused: return 403;
        case base::Code::not_found: return 404;
        case base::Code::conflict: return 409;
        case base::Code::too_large: return 413;
        case base::Code::unavailable: return 503;
        case base::Code::timeout: return 504;
        default: return 500;
    }
}

rt::Task<void> send_text(http::ServerExchange& exchange, std::string_view type, std::string body) {
    codec::HeaderTable headers;
    headers.add(codec::Field::content_type, type);
    co_await send(exchange, 200, std::move(headers), std::move(body));
}

rt::Task<void> send_json(http::ServerExchange& exchange, Json json) {
    co_await send_text(exchange, kJsonType, dump(json, 2) + "\n");
}

rt::Task<void> send_problem(http::ServerExchange& exchange, uint16_t status, std::string cause, std::string detail,
                            Json more) {
    codec::HeaderTable headers;
    headers.add(codec::Field::content_type, "application/problem+json");
    std::string allow;
    if (status == 401) headers.add("WWW-Authenticate", "Bearer realm=\"trunkline\"");
    if (status == 405) {
        allow = more.value("allow", "");
        headers.add("Allow", allow);
    }
    Json problem{{"type", fmt::format("urn:trunkline:cause:{}", cause)},
                 {"title", codec::reason_of(status)},
                 {"status", status},
                 {"cause", cause},
                 {"detail", detail}};
    if (more.is_object()) problem.update(more);
    co_await send(exchange, status, std::move(headers), dump(problem, 2) + "\n");
}

rt::Task<void> send_problem(http::ServerExchange& exchange, base::Error error) {
    co_await send_problem(exchange, status_of(error.code), std::string{base::to_string(error.code)}, error.message());
}

}  // namespace tl::console
