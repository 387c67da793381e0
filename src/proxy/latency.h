// How long an instance takes, for the policy peak_ewma: a moving average that believes bad news at once and good news
// slowly (Finagle's "peak EWMA"). What was seen fades with time, so that an instance that nobody asks gets its chance.
// One core.
#pragma once

#include <cmath>

#include "base/clock.h"

namespace tl::proxy {

class Latency {
  public:
    static constexpr base::Duration kFade = std::chrono::seconds{10};      // to 1/e
    static constexpr base::Duration kOfFailure = std::chrono::seconds{1};  // a failed try counts as this, or longer

    void observe(base::Duration took, base::TimePoint now) {
        const auto seen = static_cast<double>(took.count());
        const double before = at(now);
        // A peak is taken as it is; below it the average follows within kFade.
        const double kept = faded(now);
        value_ = seen > before ? seen : value_ * kept + seen * (1 - kept);
        seen_ = now;
    }
    // Nanoseconds; 0 when nothing is known.
    [[nodiscard]] double at(base::TimePoint now) const { return value_ == 0 ? 0 : value_ * faded(now); }

  private:
    [[nodiscard]] double faded(base::TimePoint now) const {
        if (now <= seen_) return 1;
        return std::exp(-static_cast<double>((now - seen_).count()) / static_cast<double>(kFade.count()));
    }
    double value_ = 0;
    base::TimePoint seen_{};
};

}  // namespace tl::proxy
