#include "proxy/mirror.h"

#include <array>

#include "proxy/door.h"
#include "proxy/engine.h"
#include "proxy/request_context.h"

namespace tl::proxy {

namespace {

constexpr size_t kMostAnswer = 64 << 10;  // read, so that the connection can be used again; longer ones are cut

// A span of its own below the request's: the service's answers to a copy are not the request's answers.
void begin_record(Mirrors::Copy& copy, const RequestContext& context, base::Random& random) {
    const telemetry::TraceContext mine = telemetry::child_of(context.trace, random);
    telemetry::Record& record = copy.record;
    record.trace = mine.trace;
    record.span = mine.span;
    record.parent = context.trace.span;
    record.door = context.record.door;
    record.caller = context.record.caller;
    record.service = copy.service;
    record.method = context.record.method;
    record.method_text = context.record.method_text;
    record.path = context.record.path;
    record.request_id = context.record.request_id;
    record.set(telemetry::Record::kMirror);
    std::array<char, telemetry::kTraceparentSize> text{};
    telemetry::write_traceparent(mine, text);
    copy.headers.emplace_back("traceparent", std::string{text.data(), text.size()});
}

}  // namespace

Mirrors::Copy::Copy(Mirrors& of, Engine& of_core, const RequestContext& context, const MirrorRule& rule)
    : method(context.head().method_text),
      has_body(context.exchange->request_length().kind != http::BodyLength::Kind::none),
      service(rule.service_id),
      version(rule.version),
      zone(context.door.zone),
      engine(&of_core),
      of_(&of) {
    ++of_->open_;
    for (const codec::Header& header : context.head().headers) {
        const bool ours = header.field == codec::Field::traceparent || header.field == codec::Field::expect;
        if (!ours) headers.emplace_back(header.name, header.value);
    }
    headers.emplace_back("X-Trunkline-Mirror", context.route->service);
}

Mirrors::Copy::~Copy() { --of_->open_; }

Mirrors::CopyPtr Mirrors::begin(Engine& engine, RequestContext& context, const MirrorRule& rule, bool upgrade) {
    base::Random& random = rt::this_loop().random();
    Upstream* const upstream = engine.upstream(rule.service_id);
    if (upgrade || upstream == nullptr || random.unit() >= rule.share) return nullptr;
    if (open_ >= kMostMirrors || cancel_.requested()) {
        ++upstream->counters().mirrors_dropped;
        return nullptr;
    }
    auto copy = std::make_unique<Copy>(*this, engine, context, rule);
    copy->target = context.target();
    begin_record(*copy, context, random);
    context.record.mirrored = static_cast<uint16_t>(rule.service_id);
    return copy;
}

void Mirrors::take(CopyPtr& copy, http::Piece piece) {
    if (copy->body.size() + piece.data.size() > kMostMirrorBody) {
        ++copy->engine->upstream(copy->service)->counters().mirrors_dropped;
        copy.reset();
        return;
    }
    copy->body += piece.data;
    if (piece.end) gate_.spawn("mirror", send(std::move(copy)));
}

rt::Task<void> Mirrors::send(CopyPtr copy) {
    co_await rt::sleep(base::Duration{0}, &cancel_);  // the request itself goes first
    Upstream* const upstream = copy->engine->upstream(copy->service);
    if (upstream == nullptr) co_return;  // the service was taken out meanwhile; held instances keep it from here on
    rt::Loop& loop = rt::this_loop();
    const base::TimePoint began = loop.now();
    copy->record.start_ns = base::wall_now().time_since_epoch().count();
    Instance* const instance =
        upstream->pick({.version = copy->version, .zone = copy->zone}, {.random = loop.random(), .now = began});
    base::Result<void> result = base::fail(base::Code::unavailable, "no instance");
    if (instance != nullptr) {
        upstream->hold(*instance);
        copy->record.instance = instance->name;
        copy->record.version = static_cast<uint16_t>(instance->version);
        copy->record.attempts = 1;
        result = co_await exchange(*copy, *upstream, *instance, loop.within(kMirrorTime, &cancel_));
        upstream->release(*instance);
    }
    if (!result) result.error().side = base::Side::upstream;
    if (!result) copy->record.cause = static_cast<uint8_t>(cause_of(result.error()));
    ++upstream->counters().mirrors;
    copy->record.duration_ns = static_cast<uint64_t>((loop.now() - began).count());
    copy->engine->records().push(copy->record);
}

rt::Task<base::Result<void>> Mirrors::exchange(Copy& copy, Upstream& upstream, Instance& instance, rt::Wait wait) {
    auto pooled =
        co_await instance.pool.acquire(upstream.rule(), copy.engine->client_limits(), copy.engine->connections(), wait);
    if (!pooled) co_return base::fail(std::move(pooled.error()));
    codec::HeaderTable headers;
    for (const auto& [name, value] : copy.headers) headers.add(name, value);
    using Kind = http::BodyLength::Kind;
    const http::OutgoingRequest outgoing{.method = copy.method,
                                         .target = copy.target,
                                         .headers = &headers,
                                         .length = {copy.has_body ? Kind::known : Kind::none, copy.body.size()}};
    http::ClientExchange& exchange = pooled->connection->open_exchange();
    base::Result<void> result = co_await exchange.send(outgoing, {copy.body, true}, wait);
    copy.record.bytes_in = copy.body.size();
    while (result && copy.record.status < 200) {
        const auto head = co_await exchange.read_head(wait);
        if (!head) result = base::fail(head.error());
        if (head) copy.record.status = (*head)->status;
    }
    for (bool end = false; result && !end && copy.record.bytes_out < kMostAnswer;) {
        const auto piece = co_await exchange.read(wait);
        if (!piece) result = base::fail(piece.error());
        if (!piece) break;
        copy.record.bytes_out += piece->data.size();
        end = piece->end;
    }
    const bool reusable = pooled->connection->close_exchange();
    instance.pool.give_back(std::move(*pooled), reusable && result, upstream.rule().pool);
    co_return result;
}

rt::Task<void> Mirrors::stop() {
    cancel_.request();
    co_await gate_.closed();
}

}  // namespace tl::proxy
