// How many requests a service can take at once before they only wait for each other, found from latency alone: when
// answers take twice as long as they do without a queue, fewer are let through, and when that makes them faster again
// it was a queue. When it does not, the service has simply become slower, and that is the new normal. In the manner of
// TCP Vegas and Netflix's concurrency-limits (gradient), with this test added, because a limit that shrinks by mistake
// turns requests away for nothing. Plain rules with a given clock; one core.
#pragma once

#include <cstdint>

#include "base/clock.h"

namespace tl::proxy {

class AdaptiveLimit {
  public:
    // Never below `least`, never above `most`.
    void change_range(uint32_t least, uint32_t most);
    [[nodiscard]] uint32_t limit() const { return limit_; }
    // An answer came `took` after the service was asked, while so many requests waited for theirs.
    void count(base::Duration took, uint32_t in_flight, base::TimePoint now) {
        ++samples_;
        sum_ += took;
        if (in_flight > peak_) peak_ = in_flight;
        if (now >= ends_ && samples_ >= kLeastSamples) end_window(now);
    }

  private:
    static constexpr uint32_t kLeastSamples = 10;

    void end_window(base::TimePoint now);
    void cut(double mean, base::TimePoint now);
    void judge(double mean, base::TimePoint now);
    [[nodiscard]] base::Duration patience() const;

    uint32_t least_ = 1;
    uint32_t most_ = UINT32_MAX;
    uint32_t limit_ = UINT32_MAX;

    // The window that is being filled.
    base::TimePoint ends_;
    base::TimePoint began_;
    uint32_t samples_ = 0;
    uint32_t peak_ = 0;
    base::Duration sum_{};

    double usual_ns_ = 0;     // without a queue
    double cut_from_ = 0;     // requests in flight before the last cut; 0: none is being judged
    double cut_mean_ns_ = 0;  // how long answers took at the worst since then
    base::TimePoint cut_at_;
};

}  // namespace tl::proxy
