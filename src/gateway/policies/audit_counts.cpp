#include "gateway/policies/audit_counts.h"

#include "telemetry/prometheus.h"

namespace tl::gateway {

void AuditCounts::add_samples(std::vector<telemetry::Sample>& samples) const {
    samples.push_back({"trunkline_policy_audited_total",
                       "Requests that a policy in audit mode would have refused.",
                       telemetry::MetricType::counter,
                       {{"policy", policy_}, {"route", route_}},
                       static_cast<double>(count_.load(std::memory_order_relaxed))});
}

}  // namespace tl::gateway
