// How long to wait before a crashed instance is started again: full jitter over a bound that doubles, and the longest
// wait once it is a crash loop. Pure but for the dice.
#pragma once

#include "base/random.h"
#include "supervisor/config.h"

namespace tl::supervisor {

class Backoff {
  public:
    // It ended after `uptime`. The wait until the next start.
    [[nodiscard]] base::Duration after_failure(base::Duration uptime, const RestartConfig& config,
                                               base::Random& random) {
        if (uptime >= config.reset_after) failures_ = 0;
        ++failures_;
        if (in_crash_loop(config)) return config.most;
        base::Duration bound = config.first;
        for (uint32_t i = 1; i < failures_ && bound < config.most; ++i) bound *= 2;
        bound = std::min(bound, config.most);
        return base::Duration{static_cast<base::Duration::rep>(static_cast<double>(bound.count()) * random.unit())};
    }
    [[nodiscard]] bool in_crash_loop(const RestartConfig& config) const { return failures_ >= config.crash_loop_after; }
    [[nodiscard]] uint32_t failures() const { return failures_; }
    void go_on_with(uint32_t failures) { failures_ = failures; }

  private:
    uint32_t failures_ = 0;  // in a row
};

}  // namespace tl::supervisor
