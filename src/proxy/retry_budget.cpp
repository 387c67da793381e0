#include "proxy/retry_budget.h"

#include <algorithm>

namespace tl::proxy {

bool RetryBudget::take(base::TimePoint now, const RetryBudgetRule& rule) {
    counts_.advance(now);
    const double share = rule.share * static_cast<double>(counts_.sum(kRequests));
    const double least = rule.share > 0 ? static_cast<double>(rule.least) * kSeconds : 0;
    if (static_cast<double>(counts_.sum(kRetries) + 1) > std::max(share, least)) return false;
    counts_.add(kRetries);
    return true;
}

}  // namespace tl::proxy
