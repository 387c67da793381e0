#include "proxy/forward.h"

#include <fmt/format.h>

#include <array>

#include "proxy/attempt.h"
#include "proxy/choice.h"
#include "proxy/fault.h"
#include "proxy/hop.h"

namespace tl::proxy {

namespace {

constexpr size_t kMostTried = 8;

Outcome outcome_of(const base::Error& error) {
    switch (error.code) {
        case base::Code::cert_expired:
        case base::Code::cert_mismatch:
        case base::Code::cert_untrusted:
        case base::Code::handshake:
        case base::Code::unreachable: return Outcome::connect_failed;
        case base::Code::timeout: return Outcome::timeout;
        default: return Outcome::reset;
    }
}

Denial denial_of(const base::Error& error, const Upstream& upstream, const Instance* instance) {
    const Cause cause = cause_of(error);
    if (instance == nullptr || error.side == base::Side::downstream) return {cause, error.message()};
    return {cause, fmt::format("{} ({}): {}", upstream.service(), instance->id, error.message())};
}

Denial no_instance(const Route& route, const Upstream& upstream, std::string_view version) {
    const EndpointSetPtr set = upstream.set();
    const std::string reason = set == nullptr ? "" : set->reason;
    return {Cause::no_healthy_instance, fmt::format("{}service \"{}\" has no healthy instance{}{}",
                                                    version.empty() ? "" : fmt::format("version {} of ", version),
                                                    route.service, reason.empty() ? "" : ": ", reason)};
}

void begin_mirror(Engine& engine, RequestContext& context, const UpgradeTo& upgrade, const RequestBody& body) {
    const MirrorRule& rule = *context.route->shaping->mirror;
    context.mirror = engine.mirrors().begin(engine, context, rule, !upgrade.protocol.empty());
    if (context.mirror) engine.mirrors().take(context.mirror, body.first);
}

// Until the head of the answer, not to its end: how long a stream lasts says nothing about its instance.
base::Duration time_to_answer(const RequestContext& context, bool answered, base::TimePoint started) {
    const base::Duration whole = rt::this_loop().now() - started;
    if (!answered || context.record.first_byte_ns == 0) return whole;
    const base::Duration to_head{static_cast<int64_t>(context.record.first_byte_ns)};
    return std::min(whole, to_head - (started - context.began));
}

// A request may be sent again when the first time cannot have had an effect, or a second effect does no harm; and when
// there is still all of it to send. A POST on a kept connection that the service has closed at the same moment counts
// as never sent when TCP proves that no byte of it was received; otherwise it fails (RFC 9110 9.2.2: nobody knows
// whether it had its effect).
bool may_retry(const RequestContext& context, const Attempt& attempt, const base::Error& error, size_t made) {
    if (made >= context.route->traffic.attempts || context.exchange.response_started()) return false;
    if (error.side != base::Side::upstream || !attempt.body_intact()) return false;
    if (error.code == base::Code::timeout || error.code == base::Code::invalid) return false;
    return attempt.nothing_sent() || context.idempotent;
}

}  // namespace

rt::Task<void> forward(Engine& engine, RequestContext& context) {
    Upstream* const upstream = engine.upstream(context.route->service_id);
    if (upstream == nullptr) {  // a route's service is always known to the engine: see CoreWorker::apply
        context.refusal = {Cause::internal, "the core does not know this service"};
        co_return;
    }
    const bool trailers = accepts_trailers(context.head().headers);  // said in a field of this hop
    const UpgradeTo upgrade{prepare_request(context), trailers};
    context.idempotent = codec::is_idempotent(context.head().method);
    const rt::Wait wait{base::deadline_after(context.began, context.route->traffic.timeout),
                        &context.exchange.cancel()};
    const Shaping* const shaping = context.route->shaping.get();
    if (shaping != nullptr && shaping->fault) {
        const bool goes_on = co_await inject_fault(context, *shaping->fault, wait);
        if (!goes_on) co_return;
    }
    RequestBody body{context.exchange};
    if (shaping != nullptr && shaping->mirror) begin_mirror(engine, context, upgrade, body);
    Choice choice{context, *upstream, rt::this_loop().random()};
    std::array<uint64_t, kMostTried> tried{};  // serials: an instance may be gone by the next try
    size_t made = 0;

    for (;;) {
        Instance* const instance = choice.pick(rt::this_loop().now(), {tried.data(), std::min(made, kMostTried)});
        if (instance == nullptr) {
            context.refusal = no_instance(*context.route, *upstream, engine.name(choice.version()));
            co_return;
        }
        if (upstream->panic()) context.record.set(telemetry::Record::kPanic);
        upstream->hold(*instance);
        const base::TimePoint started = rt::this_loop().now();
        Attempt attempt{engine, context, *upstream, *instance, body};
        const auto result = co_await attempt.run(upgrade, wait);

        const Outcome outcome =
            result ? (context.record.status >= 500 ? Outcome::failure : Outcome::success) : outcome_of(result.error());
        const bool upstreams_fault = !result && result.error().side == base::Side::upstream;
        context.record.add_attempt(instance->name, started - context.began, rt::this_loop().now() - started,
                                   static_cast<uint8_t>(outcome));
        if (result || upstreams_fault) engine.report(*upstream, *instance, outcome);
        const bool again = !result && may_retry(context, attempt, result.error(), ++made);
        if (!result && !again) context.refusal = denial_of(result.error(), *upstream, instance);
        if (made > 0 && made <= kMostTried) tried[made - 1] = instance->serial;
        upstream->observe(*instance, outcome, time_to_answer(context, result.has_value(), started));
        upstream->release(*instance);
        if (!again) co_return;
    }
}

}  // namespace tl::proxy
