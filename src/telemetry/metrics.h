// What a core counts. A SeriesTable (control core) gives out numbers for the pairs of route and service and
// for pools; each data core has CoreMetrics, plain cells indexed by those numbers, which only that core
// touches. The control core fetches copy() by rt::run_on, merges the cores and exposes them
// (telemetry/prometheus.h). Both kinds of number are capped: what comes too late is counted under `other`,
// number 0.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/clock.h"
#include "telemetry/histogram.h"
#include "telemetry/record.h"

namespace tl::telemetry {

using SeriesId = uint32_t;
using PoolId = uint32_t;

inline constexpr SeriesId kOtherSeries = 0;
inline constexpr PoolId kOtherPool = 0;

// Control core only. Numbers are never taken back: a route that comes again finds its old counters.
class SeriesTable {
  public:
    static constexpr size_t kMost = 1000;

    enum class Counts : uint8_t { requests, connections };
    struct Key {
        Door door = Door::gateway;
        std::string route;
        std::string service;
        Counts counts = Counts::requests;
        friend auto operator<=>(const Key&, const Key&) = default;
    };

    explicit SeriesTable(size_t most = kMost);

    // The same arguments give the same number; kOtherSeries when the table is full.
    [[nodiscard]] SeriesId add(Door door, std::string_view route, std::string_view service,
                               Counts counts = Counts::requests);
    // The pool of connections to one service.
    [[nodiscard]] PoolId add_pool(std::string_view service);

    [[nodiscard]] size_t series() const { return keys_.size(); }  // give these two to CoreMetrics::reserve
    [[nodiscard]] size_t pools() const { return pools_.size(); }
    [[nodiscard]] const Key& key(SeriesId id) const { return keys_[id]; }
    [[nodiscard]] const std::string& pool(PoolId id) const { return pools_[id]; }
    // How often a number could not be given.
    [[nodiscard]] uint64_t overflowed() const { return overflowed_; }

  private:
    size_t most_;
    std::vector<Key> keys_;
    std::map<Key, SeriesId> ids_;
    std::vector<std::string> pools_;
    std::map<std::string, PoolId, std::less<>> pool_ids_;
    uint64_t overflowed_ = 0;
};

inline constexpr size_t kStatusClasses = 6;  // 0: nothing was sent; 1..5: 1xx..5xx
inline constexpr size_t kMostCauses = 32;    // a cause from 32 on is counted as 31

// Connections of TCP, of a series that counts those.
struct ConnectionCounts {
    uint64_t accepted = 0;
    uint64_t failed = 0;  // of those: refused, or no instance could be reached
    int64_t open = 0;     // now
};

struct SeriesCell {
    std::array<uint64_t, kStatusClasses> by_class{};
    ConnectionCounts connections;
    uint64_t bytes_in = 0;
    uint64_t bytes_out = 0;
    uint64_t retries = 0;                                // attempts beyond the first
    std::array<uint64_t, codec::kGrpcStatuses> calls{};  // of gRPC, by the status that they ended with
    Histogram duration;  // without upgraded requests: those last as long as their tunnel

    void merge(const SeriesCell& other);
    [[nodiscard]] uint64_t requests() const;
};

// Upstream connections to one service, from one core. The pool's owner counts here directly.
struct PoolCell {
    uint64_t opened = 0;
    uint64_t failed = 0;  // could not be opened
    uint64_t reused = 0;  // requests sent on a connection that had served one before
    uint64_t closed = 0;
    uint64_t mirrors = 0;          // copies of requests that were sent, or could not be
    uint64_t mirrors_dropped = 0;  // one too many, or too large
    int64_t open = 0;              // now, idle ones too
    int64_t idle = 0;              // now

    void merge(const PoolCell& other);
};

// Why an HTTP/2 connection was closed for asking too much; docs/http2.md says what each means.
inline constexpr std::array<std::string_view, 9> kHttp2Abuses{"rapid_reset",    "settings",      "pings",
                                                              "empty_frames",   "priorities",    "window_updates",
                                                              "unknown_frames", "continuations", "unread_answers"};

// The listening side, a cell for each kind of door.
struct DoorCell {
    uint64_t accepted = 0;
    uint64_t refused = 0;     // over a cap, or not HTTP
    int64_t open = 0;         // connections now
    int64_t in_flight = 0;    // requests now
    uint64_t handshakes = 0;  // of TLS, that succeeded
    uint64_t resumed = 0;     // of those
    uint64_t failed_handshakes = 0;
    uint64_t http2 = 0;  // connections that spoke HTTP/2
    std::array<uint64_t, kHttp2Abuses.size()> http2_abuses{};

    void merge(const DoorCell& other);
};

// A copy of a core's counters, or the sum of several.
struct MetricsData {
    std::vector<SeriesCell> series;
    std::vector<PoolCell> pools;
    std::array<DoorCell, 2> doors{};
    std::array<uint64_t, kMostCauses> causes{};

    void merge(const MetricsData& other);
};

// One core's counters. Only reserve() allocates.
class CoreMetrics {
  public:
    CoreMetrics() { reserve(1, 1); }

    // Room for ids below these; call when a new snapshot is applied, before its ids are used. Never shrinks.
    void reserve(size_t series, size_t pools);

    // Counts a finished request; for upgraded ones use count(id, record), which leaves out their duration.
    void count(SeriesId id, uint16_t status, base::Duration duration, uint64_t bytes_in, uint64_t bytes_out) {
        SeriesCell& cell = cell_of(id);
        count_size(cell, status, bytes_in, bytes_out);
        cell.duration.add(duration);
    }
    void count_cause(uint8_t cause) { ++causes_[cause < kMostCauses ? cause : kMostCauses - 1]; }
    // All that a record says: status, duration, bytes, retries, and its cause if it has one.
    void count(SeriesId id, const Record& record) {
        SeriesCell& cell = cell_of(id);
        count_size(cell, record.telling_status(), record.bytes_in, record.bytes_out);
        if (record.call != 0) ++cell.calls[record.call - 1];
        if (!record.has(Record::kUpgraded)) {
            cell.duration.add(base::Duration{static_cast<int64_t>(record.duration_ns)});
        }
        if (record.attempts > 1) cell.retries += record.attempts - 1;
        if (record.cause != 0) count_cause(record.cause);
    }

    // A connection of TCP has begun; its bytes so far, since the last time; it has ended.
    void connection_begins(SeriesId id) {
        ConnectionCounts& counts = cell_of(id).connections;
        ++counts.accepted;
        ++counts.open;
    }
    void count_bytes(SeriesId id, uint64_t in, uint64_t out) {
        SeriesCell& cell = cell_of(id);
        cell.bytes_in += in;
        cell.bytes_out += out;
    }
    void connection_ends(SeriesId id, const Record& record) {
        SeriesCell& cell = cell_of(id);
        --cell.connections.open;
        if (record.cause != 0) ++cell.connections.failed, count_cause(record.cause);
        if (record.attempts > 1) cell.retries += record.attempts - 1;
    }

    // Stays where it is when reserve() grows the table: a pool may keep the reference.
    [[nodiscard]] PoolCell& pool(PoolId id) { return pools_[id < pools_.size() ? id : kOtherPool]; }
    [[nodiscard]] DoorCell& door(Door door) { return doors_[static_cast<size_t>(door)]; }

    // 1.7 KB a series: 1 us for 20 series, some 120 us when the table is full.
    [[nodiscard]] MetricsData copy() const;

  private:
    SeriesCell& cell_of(SeriesId id) { return series_[id < series_.size() ? id : kOtherSeries]; }
    static void count_size(SeriesCell& cell, uint16_t status, uint64_t bytes_in, uint64_t bytes_out) {
        const unsigned status_class = status / 100U;
        ++cell.by_class[status_class < kStatusClasses ? status_class : 0];
        cell.bytes_in += bytes_in;
        cell.bytes_out += bytes_out;
    }

    std::vector<SeriesCell> series_;
    std::deque<PoolCell> pools_;
    std::array<DoorCell, 2> doors_{};
    std::array<uint64_t, kMostCauses> causes_{};
};

}  // namespace tl::telemetry
