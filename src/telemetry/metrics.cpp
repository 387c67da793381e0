#include "telemetry/metrics.h"

#include <numeric>

namespace tl::telemetry {

SeriesTable::SeriesTable(size_t most) : most_(std::max<size_t>(most, 1)) {
    keys_.push_back({Door::gateway, "other", "other", Counts::requests});
    pools_.emplace_back("other");
}

SeriesId SeriesTable::add(Door door, std::string_view route, std::string_view service, Counts counts) {
    Key key{door, std::string{route}, std::string{service}, counts};
    if (const auto found = ids_.find(key); found != ids_.end()) return found->second;
    if (keys_.size() >= most_) {
        ++overflowed_;
        return kOtherSeries;
    }
    const auto id = static_cast<SeriesId>(keys_.size());
    keys_.push_back(key);
    ids_.emplace(std::move(key), id);
    return id;
}

PoolId SeriesTable::add_pool(std::string_view service) {
    if (const auto found = pool_ids_.find(service); found != pool_ids_.end()) return found->second;
    if (pools_.size() >= most_) {
        ++overflowed_;
        return kOtherPool;
    }
    const auto id = static_cast<PoolId>(pools_.size());
    pools_.emplace_back(service);
    pool_ids_.emplace(service, id);
    return id;
}

void SeriesCell::merge(const SeriesCell& other) {
    for (size_t i = 0; i < by_class.size(); ++i) by_class[i] += other.by_class[i];
    connections.accepted += other.connections.accepted;
    connections.failed += other.connections.failed;
    connections.open += other.connections.open;
    for (size_t i = 0; i < calls.size(); ++i) calls[i] += other.calls[i];
    bytes_in += other.bytes_in;
    bytes_out += other.bytes_out;
    retries += other.retries;
    duration.merge(other.duration);
}

uint64_t SeriesCell::requests() const { return std::accumulate(by_class.begin(), by_class.end(), uint64_t{0}); }

void PoolCell::merge(const PoolCell& other) {
    opened += other.opened;
    failed += other.failed;
    reused += other.reused;
    closed += other.closed;
    mirrors += other.mirrors;
    mirrors_dropped += other.mirrors_dropped;
    open += other.open;
    idle += other.idle;
}

void DoorCell::merge(const DoorCell& other) {
    accepted += other.accepted;
    refused += other.refused;
    open += other.open;
    in_flight += other.in_flight;
    http2 += other.http2;
    for (size_t i = 0; i < http2_abuses.size(); ++i) http2_abuses[i] += other.http2_abuses[i];
    handshakes += other.handshakes;
    resumed += other.resumed;
    failed_handshakes += other.failed_handshakes;
}

void MetricsData::merge(const MetricsData& other) {
    if (series.size() < other.series.size()) series.resize(other.series.size());
    if (pools.size() < other.pools.size()) pools.resize(other.pools.size());
    for (size_t i = 0; i < other.series.size(); ++i) series[i].merge(other.series[i]);
    for (size_t i = 0; i < other.pools.size(); ++i) pools[i].merge(other.pools[i]);
    for (size_t i = 0; i < doors.size(); ++i) doors[i].merge(other.doors[i]);
    for (size_t i = 0; i < causes.size(); ++i) causes[i] += other.causes[i];
}

void CoreMetrics::reserve(size_t series, size_t pools) {
    if (series > series_.size()) series_.resize(series);
    if (pools > pools_.size()) pools_.resize(pools);
}

MetricsData CoreMetrics::copy() const {
    return {.series = series_, .pools = {pools_.begin(), pools_.end()}, .doors = doors_, .causes = causes_};
}

}  // namespace tl::telemetry
