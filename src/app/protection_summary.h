// How services are protected, over all threads: for status, and for the metrics. Plain functions over what the threads
// say of themselves.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "console/views.h"
#include "proxy/protection_view.h"
#include "telemetry/prometheus.h"

namespace tl::app {

class ProtectionSummary {
  public:
    explicit ProtectionSummary(const std::vector<std::vector<proxy::ProtectionView>>& threads);

    // Fills in `breaker`, and `ejected` of the instances, and says both in the reasons.
    void add_to(console::ServiceView& view) const;
    void add_to(std::vector<telemetry::Sample>& samples) const;

  private:
    struct Ejected {
        size_t threads = 0;
        std::string reason;
        base::Duration left{};
    };
    struct OfService {
        size_t open = 0;  // threads whose breaker is open
        size_t half_open = 0;
        std::string reason;
        std::map<std::string, Ejected> ejected;  // by instance
        proxy::ProtectionView sum;               // its numbers
    };
    size_t threads_;
    std::map<std::string, OfService> services_;
};

}  // namespace tl::app
