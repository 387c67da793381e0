#include "telemetry/summary.h"

#include <algorithm>
#include <map>
#include <string_view>

namespace tl::telemetry {

namespace {

struct Sum {
    uint64_t requests = 0;
    uint64_t failed = 0;
    Histogram duration;
};

uint64_t failures(const SeriesCell& cell) { return cell.by_class[0] + cell.by_class[5]; }

}  // namespace

std::vector<ServiceTraffic> traffic(const SeriesTable& table, const MetricsData& before, const MetricsData& now,
                                    base::Duration interval) {
    std::map<std::string_view, Sum> sums;
    const size_t count = std::min(table.series(), now.series.size());
    for (size_t i = 0; i < count; ++i) {
        const SeriesCell& cell = now.series[i];
        const SeriesCell none;
        const SeriesCell& old = i < before.series.size() ? before.series[i] : none;
        if (cell.requests() == old.requests()) continue;
        Sum& sum = sums[table.key(static_cast<SeriesId>(i)).service];
        sum.requests += cell.requests() - old.requests();
        sum.failed += failures(cell) - failures(old);
        sum.duration.merge(cell.duration.since(old.duration));
    }
    const double seconds = std::chrono::duration<double>(interval).count();
    std::vector<ServiceTraffic> out;
    for (const auto& [service, sum] : sums) {
        out.push_back({.service = std::string{service},
                       .requests = sum.requests,
                       .failed = sum.failed,
                       .per_second = seconds > 0 ? static_cast<double>(sum.requests) / seconds : 0,
                       .p50 = quantile(sum.duration, 0.5),
                       .p99 = quantile(sum.duration, 0.99)});
    }
    return out;
}

}  // namespace tl::telemetry
