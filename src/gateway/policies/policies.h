// What a manifest says under `policies`, at the gateway, a context, a service or a route. One policy is one member
// here, one file in this folder and one page of docs/policies/. The nearest place that says a policy wins as a whole:
// nothing is merged inside of one. Plain values; the filters that do it: chain.cpp.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "gateway/lua/config.h"
#include "gateway/policies/agents.h"
#include "gateway/policies/allow.h"
#include "gateway/policies/ask.h"
#include "gateway/policies/at_once.h"
#include "gateway/policies/auth.h"
#include "gateway/policies/compress.h"
#include "gateway/policies/cors.h"
#include "gateway/policies/geo.h"
#include "gateway/policies/headers.h"
#include "gateway/policies/ip.h"
#include "gateway/policies/json.h"
#include "gateway/policies/limit.h"
#include "gateway/policies/opa.h"
#include "gateway/policies/openapi.h"
#include "gateway/policies/query.h"
#include "gateway/policies/quota.h"
#include "gateway/policies/security_headers.h"
#include "gateway/policies/size.h"
#include "manifest/names.h"
#include "manifest/schema.h"

namespace tl::gateway {

struct Policies {
    std::vector<manifest::Located<std::string>> off;  // of further out, which do not hold here
    std::optional<CorsConfig> cors;
    std::optional<HeadersConfig> headers;
    std::optional<QueryConfig> query;
    std::optional<SecurityHeadersConfig> security_headers;
    std::optional<IpConfig> ip;
    std::optional<GeoConfig> geo;
    std::optional<AgentsConfig> agents;
    std::optional<SizeConfig> size;
    std::optional<CompressConfig> compress;
    std::optional<JsonConfig> json;
    std::optional<LuaConfig> lua;
    std::optional<OpenApiConfig> openapi;
    std::optional<AuthConfig> auth;
    std::optional<AllowConfig> allow;
    std::optional<LimitConfig> limit;
    std::optional<AskConfig> ask;
    std::optional<OpaConfig> opa;
    std::optional<QuotaConfig> quota;
    std::optional<AtOnceConfig> at_once;
};

// Every policy: its key and its member. `visit(key, member)`.
template <class Visit>
void for_each_policy(Visit&& visit) {
    visit("cors", &Policies::cors);
    visit("headers", &Policies::headers);
    visit("query", &Policies::query);
    visit("security_headers", &Policies::security_headers);
    visit("ip", &Policies::ip);
    visit("geo", &Policies::geo);
    visit("agents", &Policies::agents);
    visit("size", &Policies::size);
    visit("compress", &Policies::compress);
    visit("json", &Policies::json);
    visit("lua", &Policies::lua);
    visit("openapi", &Policies::openapi);
    visit("auth", &Policies::auth);
    visit("allow", &Policies::allow);
    visit("limit", &Policies::limit);
    visit("ask", &Policies::ask);
    visit("opa", &Policies::opa);
    visit("quota", &Policies::quota);
    visit("at_once", &Policies::at_once);
}

[[nodiscard]] const manifest::Object<Policies>& policies_schema();
[[nodiscard]] std::vector<std::string> policy_names();

// Where policies may stand, from the outside in.
struct PolicyLevel {
    std::string name;  // "gateway", "context ordering", "service orders", "route /api/orders/*"
    const Policies* policies = nullptr;
};

// What holds for a route, and from where each policy comes.
struct EffectivePolicies {
    Policies policies;  // `off` is empty
    struct Origin {
        std::string policy;
        std::string level;
        manifest::Position at;
    };
    std::vector<Origin> origins;  // of those that are set, in the order of for_each_policy
};
[[nodiscard]] EffectivePolicies effective_policies(const std::vector<PolicyLevel>& levels);

// For checks that need more than the policy itself: services and files.
struct PolicyCheck {
    const manifest::Names& services;  // says itself what is wrong, with the nearest name
    std::string folder;               // of the manifest; relative files are in there
    const proxy::PathPattern* path;   // of the route that says it; nullptr: said further out
    manifest::Diagnostics& diagnostics;
    bool redis = false;  // the manifest names one
};
// Runs `check(const PolicyCheck&) const` of every policy that has one.
void check_policies(const Policies& policies, const PolicyCheck& check);

}  // namespace tl::gateway
