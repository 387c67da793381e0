#include "proxy/forward.h"

#include <fmt/format.h>

#include <algorithm>

#include "proxy/attempt.h"
#include "proxy/deadline.h"
#include "proxy/fault.h"
#include "proxy/hedge.h"
#include "proxy/hop.h"

namespace tl::proxy {

namespace {

Denial denial_of(const base::Error& error, const Upstream& upstream, std::string_view instance) {
    const Cause cause = cause_of(error);
    if (error.side == base::Side::downstream) return {cause, error.message()};
    return {cause, fmt::format("{} ({}): {}", upstream.service(), instance, error.message())};
}

Denial no_instance(const Route& route, const Upstream& upstream, std::string_view version) {
    const EndpointSetPtr& set = upstream.set();
    const std::string reason = set == nullptr ? "" : set->reason;
    return {Cause::no_healthy_instance, fmt::format("{}service \"{}\" has no healthy instance{}{}",
                                                    version.empty() ? "" : fmt::format("version {} of ", version),
                                                    route.service, reason.empty() ? "" : ": ", reason)};
}

void begin_mirror(Forwarding& all) {
    RequestContext& context = all.context;
    const MirrorRule& rule = *context.route->shaping->mirror;
    Mirrors& mirrors = all.engine.mirrors();
    context.mirror = mirrors.begin(all.engine, context, rule, !all.upgrade_to.empty());
    if (context.mirror) mirrors.take(context.mirror, all.body->first);
}

// What is decided once, before the first try.
void begin_tries(Forwarding& all) {
    RequestContext& context = all.context;
    all.body.emplace(*context.exchange, context.idempotent && context.route->traffic.attempts > 1);
    const Shaping* const shaping = context.route->shaping.get();
    if (shaping != nullptr && shaping->mirror) begin_mirror(all);
    all.choice.emplace(context, all.upstream, rt::this_loop().random());
    all.retry.keep_to(all.choice->version());
}

// A second effect does no harm: so says the method (RFC 9110 9.2.2), or the manifest.
bool may_be_sent_twice(const RequestContext& context) {
    if (codec::is_idempotent(context.head().method)) return true;
    const auto& declared = context.route->traffic.retry.methods;
    return std::ranges::find(declared, context.head().method_text) != declared.end();
}

}  // namespace

rt::Task<void> forward(Engine& engine, RequestContext& context) {
    Upstream* const upstream = engine.upstream(context.route->service_id);
    if (upstream == nullptr) {  // a route's service is always known to the engine: see CoreWorker::apply
        context.refusal = {Cause::internal, "the core does not know this service"};
        co_return;
    }
    Forwarding all{.engine = engine,
                   .context = context,
                   .upstream = *upstream,
                   .wait = {deadline_of(context), &context.exchange->cancel()},
                   .takes_trailers = accepts_trailers(context.head().headers),  // a field of this hop
                   .upgrade_to = prepare_request(context, upstream->rule().host)};
    context.idempotent = may_be_sent_twice(context);
    const Shaping* const shaping = context.route->shaping.get();
    if (shaping != nullptr && shaping->fault) {
        const bool goes_on = co_await inject_fault(context, *shaping->fault, all.wait);
        if (!goes_on) co_return;
    }
    upstream->budgets().of(context.door.caller).count_request(context.began);

    if (!all.admission.try_enter(rt::this_loop().now())) {
        const bool admitted = co_await all.admission.enter(all.wait);
        if (!admitted) co_return;
    }
    begin_tries(all);
    for (;;) {
        Instance* const instance = all.choice->pick(rt::this_loop().now(), all.retry.tried());
        if (instance == nullptr) {
            context.refusal = no_instance(*context.route, *upstream, engine.name(all.choice->version()));
            co_return;
        }
        if (upstream->panic()) context.record.set(telemetry::Record::kPanic);
        const std::string_view name = engine.name(instance->name);  // the instance may be gone after the try
        base::Result<void> result;
        if (may_hedge(all)) {
            result = co_await hedged_try(all, *instance);
        } else {
            Attempt attempt{all, *instance};
            result = co_await attempt.run();
        }
        if (result) co_return;

        auto pause = all.retry.take_granted();
        if (!pause && all.retry.after(result.error(), all.used)) pause = all.retry.take_granted();
        if (!pause) {
            context.refusal = denial_of(result.error(), *upstream, name);
            co_return;
        }
        if (pause->count() == 0) continue;
        const rt::Wake wake = co_await rt::wait_for(all.wait.until(rt::this_loop().now() + *pause));
        if (wake == rt::Wake::cancelled) {
            context.refusal = {Cause::client_gone, "the client left before the next try"};
            co_return;
        }
    }
}

}  // namespace tl::proxy
