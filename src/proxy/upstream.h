// One service as one core sees it: its instances, who gets the next request, and what protects it and its callers.
// Lives across reloads, so that pools, counts and breakers carry over, until no snapshot and no request names the
// service. One core; no locks.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "proxy/balancer.h"
#include "proxy/breaker.h"
#include "proxy/endpoints.h"
#include "proxy/instance.h"
#include "proxy/limiter.h"
#include "proxy/outlier.h"
#include "proxy/retry_budget.h"
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
        return tried.empty() ? pick_least_of_two(well_, random) : pick_untried(well_, random, tried);
    }
    // `picked`, or another that waits for fewer answers if an instance may not have as many.
    [[nodiscard]] Instance* within_limit(Instance* picked) const {
        const uint32_t most = rule_.concurrency.instance;
        const bool full = most > 0 && picked != nullptr && picked->outlier.waiting() >= most;
        return full ? pick_least_waiting(well_) : picked;
    }
    // Whether a retry would find an instance that has not been tried.
    [[nodiscard]] bool has_other_than(std::span<const uint64_t> tried) const;

    void hold(Instance& instance) { ++instance.active; }
    void release(Instance& instance);
    // A try at the instance waits for its answer; then how it ended, where `took` is the time to the answer's head.
    void try_begins(Instance& instance, base::TimePoint now) { detector_.try_begins(instance.outlier, now); }
    void try_ended(Instance& instance, Verdict verdict, base::Duration took, base::TimePoint now);
    // Closes connections that have been idle too long or that an instance has closed.
    void sweep(base::TimePoint now);
    // A few times a second: ejects and takes back.
    void review(base::TimePoint now);

    [[nodiscard]] const std::string& service() const { return service_; }
    [[nodiscard]] const UpstreamRule& rule() const { return rule_; }
    [[nodiscard]] const EndpointSetPtr& set() const { return set_; }
    [[nodiscard]] bool panic() const { return set_ != nullptr && !set_->reason.empty() && !set_->endpoints.empty(); }
    [[nodiscard]] Breaker& breaker() { return breaker_; }
    [[nodiscard]] Limiter& limiter() { return limiter_; }
    [[nodiscard]] RetryBudgets& budgets() { return budgets_; }
    [[nodiscard]] const OutlierDetector& detector() const { return detector_; }
    [[nodiscard]] std::span<Instance* const> instances() const { return current_; }
    // Requests in flight on an instance, in the set or retired; 0 when unknown.
    [[nodiscard]] uint32_t in_flight(std::string_view instance) const;
    [[nodiscard]] uint32_t in_flight() const;

  private:
    [[nodiscard]] Instance* find(std::string_view id) const;
    void eject(Instance& instance, base::TimePoint now);
    void leave_out_ejected();

    std::string service_;
    telemetry::NameTable* names_;
    telemetry::PoolCell* cell_;
    UpstreamRule rule_;
    EndpointSetPtr set_;
    uint64_t made_ = 0;                           // instances so far
    std::vector<Instance*> current_;              // of the set
    std::vector<Instance*> well_;                 // those of them that are not ejected
    std::vector<std::unique_ptr<Instance>> all_;  // current and retired
    Breaker breaker_;
    OutlierDetector detector_;
    std::vector<OutlierRecord*> records_;  // of current_, for the detector
    Limiter limiter_;
    RetryBudgets budgets_;
};

}  // namespace tl::proxy
