#include "proxy/pipeline.h"

#include <ranges>

#include "proxy/filter.h"
#include "proxy/forward.h"
#include "proxy/hop.h"
#include "proxy/problem.h"
#include "proxy/redirect.h"

namespace tl::proxy {

namespace {

// Which route, or the refusal that says why none.
bool find_route(RequestContext& context) {
    const codec::RequestHead& head = context.head();
    if (head.method == codec::Method::connect) {
        context.refusal = {Cause::unsupported, "CONNECT is not supported; call services by plain http://"};
        return false;
    }
    const auto path = normalize_path(head.path, context.arena);
    if (!path) {
        context.refusal = {Cause::bad_request, path.error().context};
        return false;
    }
    context.path = *path;
    const RouteMatch match = context.door.routes.find(head, context.path);
    if (match.route == nullptr) {
        context.refusal = explain_no_route(context);
        return false;
    }
    context.route = match.route;
    context.match = match.path;
    context.record.route = match.route->id;
    context.record.service = match.route->service_id;
    if (match.route->denial) context.refusal = *match.route->denial;
    return !match.route->denial;
}

bool pass_filters(RequestContext& context) {
    return std::ranges::all_of(context.route->filters, [&](const auto& filter) {
        return filter->on_request(context) == Filter::Verdict::proceed;
    });
}

void finish(Engine& engine, RequestContext& context) {
    telemetry::Record& record = context.record;
    if (context.route != nullptr) {
        for (const auto& filter : std::views::reverse(context.route->filters)) filter->on_done(context);
    }
    record.cause = static_cast<uint8_t>(context.refusal.cause);
    record.duration_ns = static_cast<uint64_t>((rt::this_loop().now() - context.began).count());
    engine.metrics().count(context.route == nullptr ? telemetry::kOtherSeries : context.route->series, record);
    --engine.metrics().door(context.door.kind).in_flight;
    engine.records().push(record);
}

}  // namespace

rt::Task<void> DoorHandler::handle(http::ServerExchange& exchange) {
    const DoorPtr door = door_;  // a reload does not touch this request
    RequestContext context{.exchange = exchange, .door = *door, .began = rt::this_loop().now()};
    ++engine_->metrics().door(door->kind).in_flight;
    begin_trace(context, rt::this_loop().random());

    if (door->https_port != 0 && exchange.tls() == nullptr) {
        co_await send_to_https(context);
    } else if (find_route(context) && pass_filters(context)) {
        co_await forward(*engine_, context);
    }
    if (context.refusal.cause != Cause::none && !exchange.response_started()) {
        [[maybe_unused]] const auto sent = co_await send_problem(context);
    }
    finish(*engine_, context);
}

rt::Task<void> DoorHandler::refuse(http::ServerExchange& exchange, uint16_t status, const base::Error& error) {
    const DoorPtr door = door_;
    RequestContext context{.exchange = exchange, .door = *door, .began = rt::this_loop().now()};
    ++engine_->metrics().door(door->kind).in_flight;
    ++engine_->metrics().door(door->kind).refused;
    context.trace = telemetry::new_trace(rt::this_loop().random());
    context.record.trace = context.trace.trace;
    context.record.span = context.trace.span;
    context.record.door = door->kind;
    context.record.caller = door->caller;
    context.record.start_ns = base::wall_now().time_since_epoch().count();
    context.record.door = door->kind;
    context.record.caller = door->caller;
    context.record.client = telemetry::ClientAddress::from(exchange.peer().raw());
    const bool too_large = status == 431 || status == 414;
    context.refusal = {too_large ? Cause::head_too_large : cause_of(error), error.context, status};
    [[maybe_unused]] const auto sent = co_await send_problem(context);
    finish(*engine_, context);
}

}  // namespace tl::proxy
