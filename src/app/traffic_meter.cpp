#include "app/traffic_meter.h"

namespace tl::app {

void TrafficMeter::add(base::TimePoint now, telemetry::MetricsData data) {
    moments_.push_back({now, std::move(data)});
    if (moments_.size() > kKept) moments_.pop_front();
}

void TrafficMeter::add_difference(telemetry::SeriesCell& to, const telemetry::SeriesCell& now,
                                  const telemetry::SeriesCell& before) {
    for (size_t i = 0; i < telemetry::kStatusClasses; ++i) to.by_class[i] += now.by_class[i] - before.by_class[i];
    to.connections.accepted += now.connections.accepted - before.connections.accepted;
    to.connections.failed += now.connections.failed - before.connections.failed;
    to.connections.open += now.connections.open;  // a gauge: what it is, not what it was more
    to.bytes_in += now.bytes_in - before.bytes_in;
    to.bytes_out += now.bytes_out - before.bytes_out;
    to.retries += now.retries - before.retries;
    to.duration.merge(now.duration.since(before.duration));
}

}  // namespace tl::app
