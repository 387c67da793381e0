#include "proxy/problem.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "proxy/door.h"
#include "proxy/filter.h"
#include "proxy/grpc_call.h"

namespace tl::proxy {

namespace {

constexpr size_t kRoutesShown = 10;

uint16_t status_of(const Denial& refusal) { return refusal.status != 0 ? refusal.status : info(refusal.cause).status; }

nlohmann::ordered_json problem_of(const RequestContext& context) {
    const CauseInfo& cause = info(context.refusal.cause);
    nlohmann::ordered_json problem{{"type", fmt::format("urn:trunkline:cause:{}", cause.code)},
                                   {"title", cause.title},
                                   {"status", status_of(context.refusal)},
                                   {"cause", cause.code}};
    if (!context.refusal.detail.empty()) problem["detail"] = context.refusal.detail;
    if (!context.refusal.violations.empty()) problem["violations"] = context.refusal.violations;
    problem["trace_id"] = telemetry::to_hex(context.trace.trace);
    if (context.refusal.cause != Cause::no_route || !context.door.development) return problem;
    auto considered = nlohmann::ordered_json::array();
    for (const auto& [route, why] : context.door.routes.explain(context.head(), context.path, kRoutesShown)) {
        considered.push_back({{"route", route->rule.name}, {"to", route->service}, {"why_not", why}});
    }
    problem["considered"] = std::move(considered);
    return problem;
}

}  // namespace

namespace {

// An answer of our own, which the filters see like any other.
rt::Task<base::Result<void>> send_own(RequestContext& context, codec::ResponseHead& head, std::string_view body) {
    run_on_response(context, head);
    const bool empty = head.status == 204 || head.status == 304;
    const http::OutgoingResponse response{
        .status = head.status,
        .headers = &head.headers,
        .length = {empty ? http::BodyLength::Kind::none : http::BodyLength::Kind::known, empty ? 0 : body.size()}};
    context.record.status = head.status;
    context.record.set(telemetry::Record::kOwnReply);
    if (empty || context.head().method == codec::Method::head) body = {};
    const auto sent = co_await context.exchange->send(response, {body, true});
    if (sent) context.record.bytes_out += body.size();
    co_return sent;
}

}  // namespace

rt::Task<base::Result<void>> send_problem(RequestContext& context) {
    const CauseInfo& cause = info(context.refusal.cause);
    const uint16_t status = status_of(context.refusal);
    if ((context.grpc && context.transcoding == nullptr) || context.web != nullptr) {
        const auto told = co_await send_grpc_refusal(context, status);
        co_return told;
    }
    // Paths may hold bytes that are no UTF-8: they are shown as replacement characters, never refused here.
    const std::string body =
        problem_of(context).dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
    codec::ResponseHead head;
    head.status = status;
    head.headers.add(codec::Field::content_type, "application/problem+json");
    head.headers.add(codec::Field::cache_control, "no-store");
    const std::string later = fmt::to_string(context.refusal.retry_after);
    if (status == 503 || status == 429) head.headers.add(codec::Field::retry_after, later);
    for (const auto& [name, value] : context.refusal.headers) head.headers.add(name, value);
    const std::string trace = telemetry::to_hex(context.trace.trace);
    head.headers.add("X-Trace-Id", trace);
    head.headers.add("X-Trunkline-Cause", cause.code);
    auto sent = co_await send_own(context, head, body);
    co_return sent;
}

rt::Task<base::Result<void>> send_reply(RequestContext& context) {
    const OwnReply& reply = *context.reply;
    codec::ResponseHead head;
    head.status = reply.status;
    for (const auto& [name, value] : reply.headers) head.headers.add(name, value);
    const std::string trace = telemetry::to_hex(context.trace.trace);
    if (context.door.show_trace) head.headers.add("X-Trace-Id", trace);
    auto sent = co_await send_own(context, head, reply.text());
    co_return sent;
}

Denial explain_no_route(const RequestContext& context) {
    const codec::RequestHead& head = context.head();
    return {Cause::no_route, fmt::format("no route of {} takes {} {} for host \"{}\"", context.door.name,
                                         base::printable(head.method_text), base::printable(context.path),
                                         base::printable(head.authority))};
}

}  // namespace tl::proxy
