// One service as one core sees it: its instances, and who gets the next request. Lives across reloads, so
// that pools and counts carry over, until no snapshot and no request names the service. One core; no locks.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "proxy/balancer.h"
#include "proxy/endpoints.h"
#include "proxy/instance.h"
#include "proxy/traffic.h"

namespace tl::proxy {

class Upstream {
  public:
    Upstream(std::string service, telemetry::NameTable& names, telemetry::PoolCell& cell)
        : service_(std::move(service)), names_(&names), cell_(&cell) {}

    // Takes over a newer set; instances that stay keep their connections and counts.
    void apply(const EndpointSetPtr& set);
    void change_rule(const UpstreamRule& rule);

    // The instance for the next request, leaving out those whose serials are in `tried` unless all were. nullptr: there
    // is none.
    [[nodiscard]] Instance* pick(base::Random& random, std::span<const uint64_t> tried) {
        return tried.empty() ? pick_least_of_two(current_, random) : pick_untried(current_, random, tried);
    }

    void hold(Instance& instance) { ++instance.active; }
    void release(Instance& instance);
    // Closes connections that have been idle too long or that an instance has closed.
    void sweep(base::TimePoint now);

    [[nodiscard]] const std::string& service() const { return service_; }
    [[nodiscard]] const UpstreamRule& rule() const { return rule_; }
    [[nodiscard]] const EndpointSetPtr& set() const { return set_; }
    [[nodiscard]] bool panic() const { return set_ != nullptr && !set_->reason.empty() && !set_->endpoints.empty(); }
    // Requests in flight on an instance, in the set or retired; 0 when unknown.
    [[nodiscard]] uint32_t in_flight(std::string_view instance) const;
    [[nodiscard]] uint32_t in_flight() const;

  private:
    [[nodiscard]] Instance* find(std::string_view id) const;

    std::string service_;
    telemetry::NameTable* names_;
    telemetry::PoolCell* cell_;
    UpstreamRule rule_;
    EndpointSetPtr set_;
    uint64_t made_ = 0;  // instances so far
    std::vector<Instance*> current_;
    std::vector<std::unique_ptr<Instance>> all_;  // current and retired
};

}  // namespace tl::proxy
