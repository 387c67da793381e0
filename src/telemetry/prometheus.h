// The page for Prometheus: text exposition format 0.0.4. Written on the control core from merged counters and
// from samples that other rooms give (restarts, instances by state). The order is always the same and a
// family is capped: what is too much is added up under one set of labels, all `other`.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "telemetry/metrics.h"
#include "telemetry/record.h"

namespace tl::telemetry {

enum class MetricType : uint8_t { counter, gauge };

// One value of another room. Samples of one name share help and type: the first one's are taken.
struct Sample {
    std::string name;  // trunkline_service_restarts_total; what Prometheus does not allow in a name becomes _
    std::string help;
    MetricType type = MetricType::gauge;
    std::vector<std::pair<std::string, std::string>> labels;
    double value = 0;
};

inline constexpr std::string_view kPrometheusContentType = "text/plain; version=0.0.4; charset=utf-8";

struct Exposition {
    const SeriesTable* table = nullptr;
    const MetricsData* data = nullptr;  // merged over all cores
    RecordWords::Word cause = nullptr;  // the code of a cause
    std::vector<Sample> samples;
    size_t family_cap = 1000;  // for `samples`; the table has a cap of its own
};

// Series without a request and causes without an error are left out.
[[nodiscard]] std::string write_prometheus(const Exposition& exposition);

}  // namespace tl::telemetry
