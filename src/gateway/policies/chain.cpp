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
    // Who it is, before all that depends on it.
    add(policies.auth, make_auth_filter);
    // Who may, as soon as that can be said: what comes next costs the service or a quota.
    add(policies.allow, make_allow_filter);
    chain.insert(chain.end(), last.begin(), last.end());
    return chain;
}

}  // namespace tl::gateway
