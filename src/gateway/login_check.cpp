#include "gateway/login_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace tl::gateway {

namespace {

struct LoginRoute {
    proxy::PathPattern path;
    LoginConfig login;
};

std::vector<LoginRoute> login_routes(const GatewayConfig& config, const ServicePolicies& policies) {
    std::vector<LoginRoute> all;
    for (const RouteConfig& route : every_route(config)) {
        auto rule = make_rule(route);
        if (!rule) continue;  // told already
        const EffectivePolicies effective = effective_policies(policy_levels(config, route, policies));
        const auto& auth = effective.policies.auth;
        if (auth && auth->login) all.push_back({std::move(rule->path), *auth->login});
    }
    return all;
}

// What one has begun the other can end.
bool same_login(const LoginConfig& a, const LoginConfig& b) {
    return a.issuer == b.issuer && a.client == b.client && a.path.value == b.path.value && a.cookie == b.cookie;
}

}  // namespace

void check_login_pages(const GatewayConfig& config, const ServicePolicies& policies,
                       manifest::Diagnostics& diagnostics) {
    const std::vector<LoginRoute> routes = login_routes(config, policies);
    std::set<std::pair<size_t, size_t>> told;  // a login that holds for many routes is said once
    for (const LoginRoute& route : routes) {
        const auto page = proxy::PathPattern::parse(route.login.path.value + "/callback");
        if (!page) continue;
        const bool taken = std::ranges::any_of(routes, [&](const LoginRoute& other) {
            return other.path.covers(*page) && same_login(other.login, route.login);
        });
        const manifest::Position at = route.login.at;
        if (taken || !told.emplace(at.line, at.column).second) continue;
        diagnostics.error(
            at,
            fmt::format(
                "login: no route that has this login takes {}/callback, where the issuer sends browsers back to",
                route.login.path.value),
            fmt::format("say a path below such a route, as in path: /app/.login; one is {}", route.path.text()));
    }
}

}  // namespace tl::gateway
