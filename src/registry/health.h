// The rules that turn probes and callers' outcomes into changes of state. Pure: no clock, no loop, no sockets.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "base/clock.h"
#include "base/random.h"
#include "proxy/endpoints.h"
#include "registry/config.h"
#include "registry/state.h"

namespace tl::registry {

// Results in a row, of one instance.
class ProbeCounter {
  public:
    // The state that a probe's result leads to, or nullopt when it stays.
    [[nodiscard]] std::optional<InstanceState> on_probe(InstanceState now, bool well, const HealthConfig& config);
    void reset() { successes_ = failures_ = 0; }

  private:
    uint32_t successes_ = 0;
    uint32_t failures_ = 0;
};

// Connections that failed in a row within a window, of one instance. Holds at most `failures` times.
class PassiveCounter {
  public:
    // True when this outcome is the one too many. Only connections count: an answer with 5xx and a time-out say more of
    // a request than of the instance, and an answer of any kind breaks the row.
    [[nodiscard]] bool on_outcome(proxy::Outcome outcome, base::TimePoint now, const PassiveConfig& config);
    void reset() { failures_.clear(); }

  private:
    std::deque<base::TimePoint> failures_;
};

// The pauses between the probes of one instance: short while it starts, growing to the interval; a tenth of jitter.
class ProbePace {
  public:
    explicit ProbePace(const HealthConfig& config) : next_(config.starting) {}
    [[nodiscard]] base::Duration after_probe(InstanceState state, const HealthConfig& config, base::Random& random);

  private:
    base::Duration next_;
};

}  // namespace tl::registry
