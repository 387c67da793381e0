// One service as one core sees it: its instances, the idle connections to each, and who gets the next request. Lives as
// long as the engine, across reloads, so that pools and counts carry over. One core; no locks.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "http/client.h"
#include "proxy/endpoints.h"
#include "rt/loop.h"
#include "telemetry/metrics.h"
#include "telemetry/names.h"

namespace tl::proxy {

struct PoolLimits {
    size_t idle = 64;                                   // kept open for each instance and core
    base::Duration idle_for = std::chrono::seconds{4};  // shorter than the 5 s after which Node.js closes
    base::Duration connect = std::chrono::seconds{1};
};

struct PooledConnection {
    std::unique_ptr<http::ClientConnection> connection;
    base::TimePoint idle_since;
    bool reused = false;
};

// An instance and its idle connections. Stays until it has left the set and its last request has ended.
struct Instance {
    std::string id;
    uint64_t serial = 0;  // of this upstream, never used again: two lives of one id or address differ
    telemetry::NameId name = telemetry::kNoName;
    net::Address address;
    uint32_t weight = 1;
    uint32_t active = 0;                 // requests and tunnels of this core
    bool retired = false;                // no longer in the set
    bool failing = false;                // the last outcome was reported as a failure
    std::vector<PooledConnection> idle;  // the youngest last
};

class Upstream {
  public:
    Upstream(std::string service, telemetry::NameTable& names, telemetry::PoolCell& cell)
        : service_(std::move(service)), names_(&names), cell_(&cell) {}

    // Takes over a newer set; instances that stay keep their connections and counts.
    void apply(const EndpointSetPtr& set);

    // The instance for the next request: of two taken at random the one with fewer requests in flight (power of two
    // choices, Mitzenmacher 2001), leaving out those whose serials are in `tried` unless all were. nullptr: there
    // is none.
    [[nodiscard]] Instance* pick(base::Random& random, std::span<const uint64_t> tried);

    // A usable connection: an idle one, or a new one. The instance must be held (active) meanwhile.
    [[nodiscard]] rt::Task<base::Result<PooledConnection>> acquire(Instance& instance, const PoolLimits& limits,
                                                                   const http::ClientLimits& client, rt::Wait wait);
    // Gives a connection back whose exchange has ended well.
    void put_back(Instance& instance, PooledConnection connection, const PoolLimits& limits);
    void count_closed() { --cell_->open, ++cell_->closed; }

    void hold(Instance& instance) { ++instance.active; }
    void release(Instance& instance);
    // Closes connections that have been idle too long or that the instance has closed.
    void sweep(base::TimePoint now, const PoolLimits& limits);

    [[nodiscard]] const std::string& service() const { return service_; }
    [[nodiscard]] const EndpointSetPtr& set() const { return set_; }
    [[nodiscard]] bool panic() const { return set_ != nullptr && !set_->reason.empty() && !set_->endpoints.empty(); }
    // Requests in flight on an instance, in the set or retired; 0 when unknown.
    [[nodiscard]] uint32_t in_flight(std::string_view instance) const;
    [[nodiscard]] uint32_t in_flight() const;

  private:
    void close_idle(Instance& instance);
    [[nodiscard]] Instance* find(std::string_view id) const;
    [[nodiscard]] Instance* pick_untried(base::Random& random, std::span<const uint64_t> tried);

    std::string service_;
    telemetry::NameTable* names_;
    telemetry::PoolCell* cell_;
    EndpointSetPtr set_;
    uint64_t made_ = 0;  // instances so far
    std::vector<Instance*> current_;
    std::vector<std::unique_ptr<Instance>> all_;  // current and retired
};

}  // namespace tl::proxy
