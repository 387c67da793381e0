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
    // Behind all that asks who calls and how often: judging a body is the dearest.
    add(policies.openapi, make_openapi_filter);
    chain.insert(chain.end(), last.begin(), last.end());
    return chain;
}

}  // namespace tl::gateway
