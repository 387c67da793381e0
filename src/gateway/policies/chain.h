// The filters of one route, from the policies that hold for it. The order is the order in which they see the request;
// it is the one place that says it, with a reason a line.
#pragma once

#include <vector>

#include "gateway/policies/context.h"
#include "gateway/policies/policies.h"

namespace tl::gateway {

// `first` go before all policies, `last` behind them.
[[nodiscard]] std::vector<FilterPtr> make_chain(const Policies& policies, const PolicyContext& context,
                                                std::vector<FilterPtr> first, const std::vector<FilterPtr>& last);

}  // namespace tl::gateway
