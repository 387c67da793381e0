#include "registry/health.h"

#include <algorithm>

namespace tl::registry {

std::optional<InstanceState> ProbeCounter::on_probe(InstanceState now, bool well, const HealthConfig& config) {
    successes_ = well ? successes_ + 1 : 0;
    failures_ = well ? 0 : failures_ + 1;
    switch (now) {
        case InstanceState::starting:
        case InstanceState::unhealthy:
            if (successes_ < config.healthy_after) return std::nullopt;
            return InstanceState::healthy;
        case InstanceState::healthy:
            if (failures_ < config.unhealthy_after) return std::nullopt;
            return InstanceState::unhealthy;
        case InstanceState::draining:
        case InstanceState::gone: return std::nullopt;
    }
    return std::nullopt;
}

bool PassiveCounter::on_outcome(proxy::Outcome outcome, base::TimePoint now, const PassiveConfig& config) {
    switch (outcome) {
        case proxy::Outcome::success:
        case proxy::Outcome::failure: reset(); return false;
        case proxy::Outcome::timeout:
        case proxy::Outcome::abandoned: return false;
        case proxy::Outcome::reset:
        case proxy::Outcome::connect_failed: break;
    }
    if (config.failures == 0) return false;
    failures_.push_back(now);
    while (now - failures_.front() > config.window) failures_.pop_front();
    if (failures_.size() < config.failures) return false;
    reset();
    return true;
}

base::Duration ProbePace::after_probe(InstanceState state, const HealthConfig& config, base::Random& random) {
    base::Duration pause = config.interval;
    if (state == InstanceState::starting) {
        pause = std::min(next_, config.interval);
        next_ = pause + pause / 2;
    }
    // Between nine and eleven tenths.
    return pause * 9 / 10 +
           base::Duration{static_cast<int64_t>(random.unit() * static_cast<double>(pause.count()) / 5)};
}

}  // namespace tl::registry
