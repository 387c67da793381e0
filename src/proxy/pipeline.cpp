#include "proxy/pipeline.h"

#include <ranges>

#include "proxy/client.h"
#include "proxy/filter.h"
#include "proxy/filtered_exchange.h"
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

// The filters that have not seen the request yet, up to the first that says anything but proceed.
Filter::Verdict pass_filters(RequestContext& context) {
    const auto& filters = context.route->filters;
    while (context.filters_seen < filters.size()) {
        const Filter::Verdict verdict = filters[context.filters_seen++]->on_request(context);
        if (verdict != Filter::Verdict::proceed) return verdict;
    }
    return Filter::Verdict::proceed;
}

// The body is gathered and shown, then asked is who answers in the service's place, if anybody does.
rt::Task<Filter::Verdict> pass_body(RequestContext& context, FilteredExchange& exchange) {
    if (context.route->most_body != 0) {
        const Filter::Verdict verdict = co_await exchange.gather(context.route->most_body, context.engine->memory());
        if (verdict != Filter::Verdict::proceed) co_return verdict;
    }
    for (const auto& filter : context.route->filters) {
        if (!filter->answers()) continue;
        const Filter::Verdict verdict = co_await filter->answer(context, exchange.body());
        if (verdict != Filter::Verdict::proceed) co_return verdict;
        if (!exchange.body().empty()) exchange.give_body();
    }
    co_return Filter::Verdict::proceed;
}

// A service of HTTP/2 gets gRPC, whichever form of it the client speaks. Before anybody looks at the body.
void translate_web(Engine& engine, RequestContext& context) {
    Upstream* const upstream = engine.upstream(context.route->service_id);
    if (upstream == nullptr || upstream->rule().protocol != Protocol::http2) return;
    context.web->translate_request();
    context.grpc = true;
}

// From the route on: its filters, then the service, or an answer in its place.
rt::Task<void> serve(Engine& engine, RequestContext& context) {
    if (context.web != nullptr) translate_web(engine, context);
    std::unique_ptr<FilteredExchange> filtered;
    http::ServerExchange* const client = context.exchange;
    drop_connection_options(context);
    if (context.route->filters_body) filtered = std::make_unique<FilteredExchange>(context);
    Filter::Verdict verdict = pass_filters(context);
    while (verdict == Filter::Verdict::wait) {
        verdict = co_await context.route->filters[context.filters_seen - 1]->wait_request(context);
        if (verdict == Filter::Verdict::proceed) verdict = pass_filters(context);
    }
    if (filtered != nullptr && verdict == Filter::Verdict::proceed) verdict = co_await pass_body(context, *filtered);
    if (verdict == Filter::Verdict::proceed) co_await forward(engine, context);
    if (verdict == Filter::Verdict::reply) {
        [[maybe_unused]] const auto sent = co_await send_reply(context);
    }
    if (filtered != nullptr && filtered->failure() != nullptr) {
        context.refusal = *filtered->failure();
        context.record.clear(telemetry::Record::kClientGone);
    }
    context.exchange = client;
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
    const codec::GrpcKind kind = grpc_kind_of(exchange.request());
    if (kind == codec::GrpcKind::none || kind == codec::GrpcKind::grpc) return take(exchange, kind, nullptr);
    return take_web(exchange, kind);
}

// What follows sees a client of gRPC.
rt::Task<void> DoorHandler::take_web(http::ServerExchange& exchange, codec::GrpcKind kind) {
    GrpcWebExchange web{exchange, kind};
    co_await take(web, kind, &web);
}

rt::Task<void> DoorHandler::take(http::ServerExchange& exchange, codec::GrpcKind kind, GrpcWebExchange* web) {
    const DoorPtr door = door_;  // a reload does not touch this request
    RequestContext context{.exchange = &exchange,
                           .door = *door,
                           .began = rt::this_loop().now(),
                           .engine = engine_,
                           .grpc = kind == codec::GrpcKind::grpc,
                           .web = web};
    ++engine_->metrics().door(door->kind).in_flight;
    if (!door->trusted_proxies.empty()) name_client(context);
    begin_trace(context, rt::this_loop().random());

    if (door->https_port != 0 && exchange.tls() == nullptr) {
        co_await send_to_https(context);
    } else if (find_route(context)) {
        co_await serve(*engine_, context);
    }
    if (context.refusal.cause != Cause::none && !exchange.response_started()) {
        [[maybe_unused]] const auto sent = co_await send_problem(context);
    }
    finish(*engine_, context);
}

rt::Task<void> DoorHandler::refuse(http::ServerExchange& exchange, uint16_t status, const base::Error& error) {
    const bool too_large = status == 431 || status == 414;
    const Cause cause = status == 503 ? Cause::out_of_memory : too_large ? Cause::head_too_large : cause_of(error);
    const codec::GrpcKind kind = grpc_kind_of(exchange.request());
    std::optional<GrpcWebExchange> web;
    if (kind == codec::GrpcKind::web || kind == codec::GrpcKind::web_text) web.emplace(exchange, kind);
    http::ServerExchange& client = web ? *web : exchange;
    co_await answer_refused(client, web ? &*web : nullptr, {cause, error.context, status});
}

rt::Task<void> DoorHandler::answer_refused(http::ServerExchange& exchange, GrpcWebExchange* web, Denial refusal) {
    const DoorPtr door = door_;
    RequestContext context{.exchange = &exchange,
                           .door = *door,
                           .began = rt::this_loop().now(),
                           .engine = engine_,
                           .refusal = std::move(refusal),
                           .grpc = grpc_kind_of(exchange.request()) == codec::GrpcKind::grpc,
                           .web = web};
    ++engine_->metrics().door(door->kind).in_flight;
    ++engine_->metrics().door(door->kind).refused;
    context.trace = telemetry::new_trace(rt::this_loop().random());
    context.record.trace = context.trace.trace;
    context.record.span = context.trace.span;
    context.record.start_ns = base::wall_now().time_since_epoch().count();
    context.record.door = door->kind;
    context.record.caller = door->caller;
    context.record.client = telemetry::ClientAddress::from(exchange.peer().raw());
    [[maybe_unused]] const auto sent = co_await send_problem(context);
    finish(*engine_, context);
}

}  // namespace tl::proxy
