// The data path of one core: its upstreams with their pools, its counters and its ring of records. Every request of the
// core, from whatever door, runs on it. Made on its core and ended there: stop() before it dies. Control tells it of
// changes by messages to its loop.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "http/server.h"
#include "proxy/core_states.h"
#include "proxy/door.h"
#include "proxy/mirror.h"
#include "proxy/protection_view.h"
#include "proxy/upstream.h"
#include "rt/gate.h"

namespace tl::proxy {

// Called on this core for what may change an instance's health: each failure, and the first success after one.
using OutcomeReporter = std::function<void(OutcomeReport)>;

class Engine {
  public:
    // One of so many `threads` that share what a manifest allows, and `trials`.
    Engine(telemetry::NameTable& names, SharedTrials& trials, OutcomeReporter report,
           size_t records = telemetry::RecordRing::kDefaultCapacity, uint32_t threads = 1);
    ~Engine();
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;

    // Makes room for the ids of a new snapshot, before its doors are used.
    void reserve(size_t series, size_t pools) { metrics_.reserve(series, pools); }
    // The upstream of a service, made when first named, and its rule from now on, for all threads together. Ids are of
    // the name and series tables.
    void set_upstream(const std::string& service, telemetry::NameId id, telemetry::PoolId pool,
                      const UpstreamRule& rule);
    // A new snapshot is in force: upstreams that it does not name (`used` is by name id, sorted) end when the last
    // request that came in by a door of `former` has, for such a request may still look for one. Name ids are never
    // given to another name, so a place that is empty again means the same service or none.
    void keep_upstreams(const std::vector<telemetry::NameId>& used, std::vector<std::weak_ptr<const Door>> former);
    [[nodiscard]] size_t upstreams() const { return by_service_.size(); }
    void apply_endpoints(const EndpointSetPtr& set);

    [[nodiscard]] Upstream* upstream(telemetry::NameId id) {
        return id < upstreams_.size() ? upstreams_[id].get() : nullptr;
    }
    [[nodiscard]] uint32_t in_flight(std::string_view service, std::string_view instance) const;
    void report(const Upstream& upstream, Instance& instance, Outcome outcome);

    // Of every service.
    [[nodiscard]] std::vector<ProtectionView> protection() const;
    [[nodiscard]] telemetry::CoreMetrics& metrics() { return metrics_; }
    [[nodiscard]] telemetry::RecordRing& records() { return records_; }
    [[nodiscard]] Mirrors& mirrors() { return mirrors_; }
    [[nodiscard]] CoreStates& states() { return states_; }
    // "orders-1"; stays valid.
    [[nodiscard]] std::string_view name(telemetry::NameId id) const { return names_->text(id); }
    [[nodiscard]] const http::ClientLimits& client_limits() const { return client_limits_; }

    // Where connections run that many requests share.
    [[nodiscard]] rt::Gate& connections() { return connections_; }

    // Bytes of all buffers of this thread that a manifest allows; 0: no bound.
    void set_memory(uint64_t bytes) { memory_ = bytes; }
    [[nodiscard]] uint64_t memory() const { return memory_; }

    // Ends the background work and closes idle connections.
    [[nodiscard]] rt::Task<void> stop();

  private:
    [[nodiscard]] rt::Task<void> sweep_loop();
    [[nodiscard]] rt::Task<void> review_loop();
    void remove_left();

    telemetry::NameTable* names_;
    SharedTrials* trials_;
    uint64_t memory_ = 0;
    OutcomeReporter report_;
    uint32_t threads_;
    telemetry::CoreMetrics metrics_;
    telemetry::RecordRing records_;
    http::ClientLimits client_limits_;
    std::vector<std::unique_ptr<Upstream>> upstreams_;  // by name id of the service
    std::map<std::string, Upstream*, std::less<>> by_service_;
    // Upstreams on their way out, with the doors whose requests may still use them.
    std::map<telemetry::NameId, std::vector<std::weak_ptr<const Door>>> leaving_;
    Mirrors mirrors_;
    CoreStates states_;  // of policies
    rt::Cancel cancel_;
    rt::Gate gate_;
    rt::Gate connections_;
};

}  // namespace tl::proxy
