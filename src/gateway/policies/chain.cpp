#include "gateway/policies/chain.h"

namespace tl::gateway {

std::vector<FilterPtr> make_chain(const Policies& policies, const PolicyContext& context, std::vector<FilterPtr> first,
                                  const std::vector<FilterPtr>& last) {
    std::vector<FilterPtr> chain = std::move(first);
    const auto add = [&](const auto& policy, auto make) {
        if (policy) chain.push_back(make(*policy, context));
    };
    // Before whatever may refuse: a preflight carries no credentials, and pages must be able to read refusals.
    add(policies.cors, make_cors_filter);
    // Behind whoever says who calls. First what costs least and is refused most; what is refused here uses up no quota,
    // and what is over its quota takes no place among those in flight.
    add(policies.limit, make_limit_filter);
    add(policies.quota, make_quota_filter);
    add(policies.at_once, make_at_once_filter);
    chain.insert(chain.end(), last.begin(), last.end());
    return chain;
}

}  // namespace tl::gateway
