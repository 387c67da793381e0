// How many requests a policy in audit mode would have refused, of one route: counted by all cores, shown as a metric.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "gateway/policies/keeper.h"

namespace tl::gateway {

class AuditCounts final : public Kept {
  public:
    AuditCounts(std::string policy, std::string route) : policy_(std::move(policy)), route_(std::move(route)) {}
    void add() { count_.fetch_add(1, std::memory_order_relaxed); }
    void add_samples(std::vector<telemetry::Sample>& samples) const override;

  private:
    std::string policy_;
    std::string route_;
    std::atomic<uint64_t> count_{0};
};

}  // namespace tl::gateway
