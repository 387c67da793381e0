#include "gateway/policies/chain.h"

namespace tl::gateway {

std::vector<FilterPtr> make_chain(const Policies& policies, const PolicyContext& context, std::vector<FilterPtr> first,
                                  const std::vector<FilterPtr>& last) {
    std::vector<FilterPtr> chain = std::move(first);
    const auto add = [&](const auto& policy, auto make) {
        if (policy) chain.push_back(make(*policy, context));
    };
    // First of all with a request and last of all with its answer: what these say holds for refusals too.
    add(policies.security_headers, make_security_headers_filter);
    // Outside of all that reads or changes an answer: nobody else has to know that it is compressed.
    add(policies.compress, make_compress_filter);
    // Before whatever may refuse: a preflight carries no credentials, and pages must be able to read refusals.
    add(policies.cors, make_cors_filter);
    // The cheapest refusals go first: by the address (twice), by one field, by a number in the head.
    add(policies.ip, make_ip_filter);
    add(policies.geo, make_geo_filter);
    add(policies.agents, make_agents_filter);
    add(policies.size, make_size_filter);
    // Who it is, before all that depends on it.
    add(policies.auth, make_auth_filter);
    // Who may, as soon as that can be said: what comes next costs the service or a quota.
    add(policies.allow, make_allow_filter);
    // Behind whoever says who calls. First what costs least and is refused most; what is refused here uses up no quota,
    // and what is over its quota takes no place among those in flight.
    add(policies.limit, make_limit_filter);
    // Costs a request of our own: behind the limit, so that nobody floods an authoriser through the gateway, and before
    // the quota, which what is refused must not use up. Of two, the one of one's own may say who it is for the other.
    add(policies.ask, make_ask_filter);
    add(policies.opa, make_opa_filter);
    add(policies.quota, make_quota_filter);
    add(policies.at_once, make_at_once_filter);
    // What the client has sent is judged, not what becomes of it; behind all that asks who calls and how often, for
    // judging a body is the dearest.
    add(policies.openapi, make_openapi_filter);
    // What is one's own: behind all that decides by what the client has sent, before what changes it by rules.
    add(policies.lua, make_lua_filter);
    // Behind whatever decides by the query that the client has sent.
    add(policies.query, make_query_filter);
    // Behind whoever decides by what the client has sent, in the form in which the service wants it.
    add(policies.json, make_json_filter);
    chain.insert(chain.end(), last.begin(), last.end());
    // Behind all that says something about the caller: these changes have the last word with the service, and the first
    // with its answer.
    add(policies.headers, make_headers_filter);
    return chain;
}

}  // namespace tl::gateway
