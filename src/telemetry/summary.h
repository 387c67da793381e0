// Traffic of the last while, for `status`: what came between two copies of the counters, by service. A plain function
// on the control core.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "telemetry/metrics.h"

namespace tl::telemetry {

struct ServiceTraffic {
    std::string service;
    uint64_t requests = 0;
    uint64_t failed = 0;  // 5xx, or nothing was sent
    double per_second = 0;
    base::Duration p50{0};  // within 12.5 %; 0 without requests
    base::Duration p99{0};
};

// By name of the service, all doors and routes together; services without traffic are left out. `before` is an earlier
// copy of the same cores, or empty: then all since the start counts. `interval` is the time between the two.
[[nodiscard]] std::vector<ServiceTraffic> traffic(const SeriesTable& table, const MetricsData& before,
                                                  const MetricsData& now, base::Duration interval);

}  // namespace tl::telemetry
