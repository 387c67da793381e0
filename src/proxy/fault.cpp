#include "proxy/fault.h"

#include <fmt/format.h>

#include "base/units.h"
#include "proxy/request_key.h"
#include "rt/loop.h"

namespace tl::proxy {

namespace {

Denial delayed_too_long(const FaultRule& rule) {
    return {Cause::fault_injected,
            fmt::format("a fault of the manifest delayed it by {}, which is longer than its timeout",
                        base::format_duration(rule.delay)),
            504};
}

}  // namespace

rt::Task<bool> inject_fault(RequestContext& context, const FaultRule& rule, rt::Wait wait) {
    if (!all_match(rule.headers, context.head().headers)) co_return true;
    base::Random& random = rt::this_loop().random();
    const bool refuse = random.unit() < rule.abort_share;
    if (random.unit() < rule.delay_share) {
        context.record.set(telemetry::Record::kDelayed);
        const base::TimePoint until = rt::this_loop().now() + rule.delay;
        const rt::Wake wake = co_await rt::wait_for(wait.until(until));
        if (wake == rt::Wake::cancelled) {
            context.refusal = {Cause::client_gone, "the client left during a delay of the manifest's fault"};
            co_return false;
        }
        if (until > wait.deadline) {
            context.refusal = delayed_too_long(rule);
            co_return false;
        }
    }
    if (refuse) context.refusal = {Cause::fault_injected, "a fault of the manifest refused it", rule.abort_status};
    co_return !refuse;
}

}  // namespace tl::proxy
