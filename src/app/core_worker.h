// Everything of the data path that lives on one core: the engine, and the doors that are open. Made and ended on that
// core; DataPlane talks to it by messages to its loop.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "app/open_door.h"
#include "proxy/engine.h"

namespace tl::app {

// What a core needs to know of a new configuration. Shared by all cores, immutable.
struct PlaneSnapshot {
    struct OneDoor {
        proxy::DoorPtr door;
        ServerRules rules;
    };
    struct OneUpstream {
        std::string service;
        telemetry::NameId id = 0;
        telemetry::PoolId pool = 0;
        proxy::UpstreamRule rule;
    };
    std::map<std::string, OneDoor> doors;  // by key: "gateway 127.0.0.1:8080", "orders to users", "orders to any"
    std::vector<OneUpstream> upstreams;
    size_t series = 0;
    size_t pools = 0;
};
using PlaneSnapshotPtr = std::shared_ptr<const PlaneSnapshot>;

class CoreWorker {
  public:
    CoreWorker(telemetry::NameTable& names, proxy::SharedTrials& trials, proxy::OutcomeReporter report, size_t records,
               uint32_t threads)
        : engine_(names, trials, std::move(report), records, threads), threads_(threads) {}

    // Changes the doors that are open, closes those that are no longer there (draining until `deadline`). Doors that
    // are new are opened by open().
    void apply(const PlaneSnapshotPtr& snapshot, base::TimePoint deadline);
    // Begins to listen for the door `key` of the last snapshot. Takes over the descriptor.
    void open(const std::string& key, int listener);
    // Brings the engine's counters of connections up to date: servers count for themselves.
    void count_connections();
    // Doors that have been closed but still have requests in flight.
    [[nodiscard]] size_t closing() const { return closing_.count(); }
    [[nodiscard]] proxy::Engine& engine() { return engine_; }
    // The listening sockets by their doors' keys.
    [[nodiscard]] std::map<std::string, int> listeners() const;
    // All doors stop accepting without touching the queues of their sockets: somebody else has them. See Server::drain.
    void drain(base::TimePoint deadline);
    // The drain ends sooner than it was told at first.
    void hurry(base::TimePoint deadline);
    // Connections that are open.
    struct Load {
        size_t connections = 0;
        size_t doors = 0;  // that are not closed yet
    };
    [[nodiscard]] Load load() const;
    // Stops accepting and lets what is in flight finish; then the engine ends.
    [[nodiscard]] rt::Task<void> stop(base::TimePoint deadline);

  private:
    // This thread's part of what all may have.
    [[nodiscard]] ServerRules part_of(ServerRules rules) const {
        rules.limits.memory /= threads_;
        return rules;
    }
    [[nodiscard]] rt::Task<void> close(std::unique_ptr<OpenDoor> door, base::TimePoint deadline);
    [[nodiscard]] rt::Task<void> drain(std::shared_ptr<OpenDoor> door, base::TimePoint deadline);

    proxy::Engine engine_;
    uint32_t threads_;
    PlaneSnapshotPtr snapshot_;
    std::vector<std::weak_ptr<const proxy::Door>> former_;  // doors of snapshots before; those that requests still use
    std::map<std::string, std::unique_ptr<OpenDoor>> open_;
    std::vector<std::shared_ptr<OpenDoor>> draining_;
    rt::Gate closing_;
};

}  // namespace tl::app
