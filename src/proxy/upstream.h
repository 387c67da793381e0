// One service as one core sees it: its instances, who gets the next request, and what protects it and its callers.
// Lives across reloads, so that pools, counts and breakers carry over, until no snapshot and no request names the
// service. One core; no locks.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "proxy/breaker.h"
#include "proxy/endpoints.h"
#include "proxy/instance.h"
#include "proxy/limiter.h"
#include "proxy/outlier.h"
#include "proxy/retry_budget.h"
#include "proxy/subsets.h"
#include "proxy/traffic.h"

namespace tl::proxy {

class Upstream {
  public:
    Upstream(std::string service, telemetry::NameTable& names, telemetry::PoolCell& cell,
             SharedTrialPtr trial = std::make_shared<SharedTrial>())
        : service_(std::move(service)), names_(&names), cell_(&cell), limiter_(std::move(trial)) {}

    // Takes over a newer set; instances that stay keep their connections and counts.
    void apply(const EndpointSetPtr& set, base::TimePoint now);
    void change_rule(const UpstreamRule& rule);

    // The instance for the next request. One that is full, ejected or was tried only if there is no other. nullptr:
    // there is none.
    [[nodiscard]] Instance* pick(const Selector& where, Pick want) {
        if (rule_.concurrency.instance > 0) want.most_waiting = rule_.concurrency.instance;
        want.protocol = rule_.protocol;
        return subsets_.pick(where, want);
    }
    [[nodiscard]] bool full(const Instance& instance) const {
        return rule_.concurrency.instance > 0 && instance.taken(rule_.protocol) >= rule_.concurrency.instance;
    }
    // Whether a retry would find a well instance of that version (none: any) that has not been tried.
    [[nodiscard]] bool has_other_than(std::span<const uint64_t> tried, telemetry::NameId version) const;
    // Whether an instance of that version may get requests.
    [[nodiscard]] bool has(telemetry::NameId version) { return subsets_.has(version); }
    // What a sticky cookie calls it; nullptr: none that may get requests is called so.
    [[nodiscard]] Instance* find_token(uint64_t token) const;

    void hold(Instance& instance) { ++instance.active; }
    // How long an attempt took to its answer, or to its failure.
    void observe(Instance& instance, Outcome outcome, base::Duration took) {
        if (rule_.balance.policy == Policy::peak_ewma) observe_latency(instance, outcome, took);
    }
    void release(Instance& instance);
    // A try at the instance waits for its answer; then how it ended, where `took` is the time to the answer's head.
    void try_begins(Instance& instance, base::TimePoint now) { detector_.try_begins(instance.outlier, now); }
    void try_ended(Instance& instance, Verdict verdict, base::Duration took, base::TimePoint now);
    // What has to be done every second: connections that have been idle too long are closed, instances that start
    // slowly get more.
    void sweep(base::TimePoint now);
    // A few times a second: ejects and takes back.
    void review(base::TimePoint now);

    [[nodiscard]] telemetry::PoolCell& counters() { return *cell_; }
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
    void note_ejected();
    void note_leaving(Instance& instance, const EndpointSet& set, base::TimePoint now) const;
    // Ends the connections of TCP of instances whose grace is over.
    void end_leaving(base::TimePoint now);
    static void observe_latency(Instance& instance, Outcome outcome, base::Duration took);
    void arrange();
    // The share of each instance by its weight and age; true if one has changed.
    bool ramp_up(base::TimePoint now);

    std::string service_;
    telemetry::NameTable* names_;
    telemetry::PoolCell* cell_;
    UpstreamRule rule_;
    EndpointSetPtr set_;
    uint64_t made_ = 0;  // instances so far
    base::Random random_ = base::Random::from_kernel();
    Subsets subsets_;
    bool ramping_ = false;  // an instance starts slowly
    std::vector<Instance*> current_;
    std::vector<std::unique_ptr<Instance>> all_;  // current and retired
    Breaker breaker_;
    OutlierDetector detector_;
    std::vector<OutlierRecord*> records_;  // of current_, for the detector
    Limiter limiter_;
    RetryBudgets budgets_;
};

}  // namespace tl::proxy
