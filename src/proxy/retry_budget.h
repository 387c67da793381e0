// How many retries one caller may make at one service, so that retries cannot multiply the load of a service that
// fails: at most a share of the requests of the last ten seconds, or a few a second when there are hardly any (the
// larger of both, not their sum). After Finagle's RetryBudget and RFC 9110's silence on the matter. One core; lives
// with its upstream.
#pragma once

#include <unordered_map>

#include "proxy/sliding_counts.h"
#include "proxy/traffic.h"
#include "telemetry/names.h"

namespace tl::proxy {

class RetryBudget {
  public:
    // A request, however many tries it will take.
    void count_request(base::TimePoint now) {
        counts_.advance(now);
        counts_.add(kRequests);
    }
    // Whether one more try may be made now; counts it if so.
    [[nodiscard]] bool take(base::TimePoint now, const RetryBudgetRule& rule);

  private:
    static constexpr size_t kRequests = 0;
    static constexpr size_t kRetries = 1;
    static constexpr int64_t kSeconds = 10;
    SlidingCounts<2> counts_{std::chrono::seconds{kSeconds}};
};

// One budget for each caller of a service. As many as the manifest has services, and the gateway.
class RetryBudgets {
  public:
    [[nodiscard]] RetryBudget& of(telemetry::NameId caller) {
        if (last_ == nullptr || caller != last_caller_) {
            last_ = &budgets_[caller];
            last_caller_ = caller;
        }
        return *last_;
    }
    void count_refused() { ++refused_; }
    [[nodiscard]] uint64_t refused() const { return refused_; }

  private:
    std::unordered_map<telemetry::NameId, RetryBudget> budgets_;  // nodes stay where they are
    RetryBudget* last_ = nullptr;
    telemetry::NameId last_caller_ = telemetry::kNoName;
    uint64_t refused_ = 0;
};

}  // namespace tl::proxy
