// What went on in the last seconds: keeps counters of a few moments ago, so that status can show rates and quantiles of
// now instead of since the start. Control loop only.
#pragma once

#include <deque>

#include "base/clock.h"
#include "telemetry/metrics.h"

namespace tl::app {

class TrafficMeter {
  public:
    static constexpr size_t kKept = 4;
    static constexpr base::Duration kEvery = std::chrono::seconds{3};  // so the window is 9 to 12 s

    void add(base::TimePoint now, telemetry::MetricsData data);

    struct Window {
        double seconds = 0;
        telemetry::SeriesCell sum;  // of the window; quantiles included
        uint64_t total = 0;         // requests since the start, or connections of TCP
    };
    // What `pick` (a predicate on series ids) has counted in the window.
    template <class Pick>
    [[nodiscard]] Window window(Pick pick) const {
        Window result;
        if (moments_.empty()) return result;
        const Moment& last = moments_.back();
        const Moment& first = moments_.front();
        result.seconds = std::chrono::duration<double>(last.at - first.at).count();
        for (telemetry::SeriesId id = 0; id < last.data.series.size(); ++id) {
            if (!pick(id)) continue;
            result.total += last.data.series[id].requests() + last.data.series[id].connections.accepted;
            add_difference(result.sum, last.data.series[id],
                           id < first.data.series.size() ? first.data.series[id] : telemetry::SeriesCell{});
        }
        return result;
    }

  private:
    struct Moment {
        base::TimePoint at;
        telemetry::MetricsData data;
    };
    static void add_difference(telemetry::SeriesCell& to, const telemetry::SeriesCell& now,
                               const telemetry::SeriesCell& before);
    std::deque<Moment> moments_;
};

}  // namespace tl::app
