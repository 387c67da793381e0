#include "proxy/admission.h"

#include <fmt/format.h>

#include "base/units.h"
#include "rt/loop.h"

namespace tl::proxy {

rt::Task<bool> Admission::enter(rt::Wait wait) {
    if (pass_ == Breaker::Pass::refused) {
        *refusal_ = circuit_open();
        co_return false;
    }
    const Limiter::Entry entry = co_await upstream_->limiter().enter(importance_, wait);
    switch (entry) {
        case Limiter::Entry::admitted: holds_place_ = true; co_return true;
        case Limiter::Entry::line_full: *refusal_ = overloaded("the line of those that wait is full"); break;
        case Limiter::Entry::waited_too_long:
            *refusal_ = overloaded(fmt::format("its turn did not come within {}",
                                               base::format_duration(upstream_->rule().concurrency.queue_for)));
            break;
        case Limiter::Entry::deadline: *refusal_ = overloaded("its time was over before its turn came"); break;
        case Limiter::Entry::cancelled:
            *refusal_ = {Cause::client_gone, "the client left while it waited for its turn"};
            break;
    }
    co_return false;
}

Denial Admission::circuit_open() const {
    const Breaker& breaker = upstream_->breaker();
    const base::Duration left = breaker.opens_in(rt::this_loop().now());
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(left).count();
    return {.cause = Cause::circuit_open,
            .detail = fmt::format("the circuit breaker of service \"{}\" is {}: {}", upstream_->service(),
                                  to_string(breaker.state()), breaker.reason()),
            .retry_after = static_cast<uint32_t>(std::max<int64_t>(seconds, 1))};
}

Denial Admission::overloaded(std::string_view how) const {
    const Limiter& limiter = upstream_->limiter();
    return {.cause = Cause::overloaded,
            .detail = fmt::format("service \"{}\" has {} requests or connections of this thread, its limit, and {}",
                                  upstream_->service(), limiter.in_flight(), how)};
}

}  // namespace tl::proxy
