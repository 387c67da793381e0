#include "proxy/redirect.h"

#include <fmt/format.h>

#include "proxy/door.h"
#include "proxy/problem.h"

namespace tl::proxy {

namespace {

constexpr uint16_t kDefaultPort = 443;

// Without its port; the brackets of an IPv6 address stay.
std::string_view host_of(std::string_view authority) {
    const size_t colon = authority.rfind(':');
    const bool port = colon != std::string_view::npos && authority.find(']', colon) == std::string_view::npos;
    return port ? authority.substr(0, colon) : authority;
}

}  // namespace

rt::Task<void> send_to_https(RequestContext& context) {
    const codec::RequestHead& head = context.head();
    const std::string_view host = host_of(head.authority);
    if (host.empty() || head.path.empty() || head.path.front() != '/') {
        context.refusal = {Cause::bad_request, "this address only sends clients to https://, which needs a Host"};
        [[maybe_unused]] const auto told = co_await send_problem(context);
        co_return;
    }
    const std::string port =
        context.door.https_port == kDefaultPort ? std::string{} : fmt::format(":{}", context.door.https_port);
    const std::string location =
        fmt::format("https://{}{}{}{}{}", host, port, head.path, head.query.empty() ? "" : "?", head.query);
    codec::HeaderTable headers;
    headers.add("Location", location);
    const http::OutgoingResponse response{
        .status = 308, .headers = &headers, .length = {http::BodyLength::Kind::known, 0}};
    context.record.status = response.status;
    context.record.set(telemetry::Record::kOwnReply);
    [[maybe_unused]] const auto sent = co_await context.exchange->send(response, {{}, true});
}

}  // namespace tl::proxy
