#include "gateway/policies/policies.h"

#include <algorithm>

namespace tl::gateway {

namespace {

std::optional<std::string> check_name(std::string_view name) {
    const std::vector<std::string> known = policy_names();
    if (std::ranges::find(known, name) != known.end()) return std::nullopt;
    return "is no policy";
}

}  // namespace

const manifest::Object<Policies>& policies_schema() {
    static const auto schema =
        manifest::Object<Policies>("policies")
            .field("off", &Policies::off,
                   manifest::list_of(manifest::text("a policy's name").check(check_name)).unique())
            .doc("Policies of further out that do not hold here.")
            .example("[cors]")
            .field("cors", &Policies::cors, cors_schema().or_scalar("origins"))
            .doc("Which pages of other origins may call, by a browser.")
            .default_is("none may")
            .field("headers", &Policies::headers, headers_schema())
            .doc("Fields of requests and answers that are set, added, renamed or removed.")
            .default_is("left as they are")
            .field("query", &Policies::query, query_schema().or_scalar("only"))
            .doc("Query parameters that are set, added, renamed or removed.")
            .default_is("left as they are")
            .field("security_headers", &Policies::security_headers, security_headers_schema())
            .doc("Fields that tell browsers to be careful; {} for the defaults.")
            .default_is("none")
            .field("ip", &Policies::ip, ip_schema().or_scalar("allow"))
            .doc("Which client addresses may ask.")
            .default_is("all")
            .field("geo", &Policies::geo, geo_schema())
            .doc("Which countries may ask.")
            .default_is("all")
            .field("agents", &Policies::agents, agents_schema().or_scalar("deny"))
            .doc("Which programs may ask, by their User-Agent.")
            .default_is("all")
            .field("size", &Policies::size, size_schema().or_scalar("request"))
            .doc("How large bodies may be.")
            .default_is("as the gateway's limits say")
            .field("compress", &Policies::compress, compress_schema().or_scalar("codings"))
            .doc("Answers are compressed for clients that want it; {} for the defaults.")
            .default_is("as services send them")
            .field("json", &Policies::json, json_policy_schema())
            .doc("Changes of JSON bodies; XML and forms to JSON and back.")
            .default_is("left as they are")
            .field("lua", &Policies::lua, lua_schema().or_scalar("file"))
            .doc("A script that reads and changes requests and answers.")
            .default_is("none")
            .field("openapi", &Policies::openapi, openapi_schema().or_scalar("file"))
            .doc("Requests must be what an OpenAPI document says.")
            .default_is("none")
            .field("auth", &Policies::auth, auth_schema().or_scalar("methods"))
            .doc("How requests say who they come from.")
            .default_is("nobody is asked")
            .field("allow", &Policies::allow, allow_schema().or_scalar("scopes"))
            .doc("Which callers may.")
            .default_is("all that `auth` lets pass")
            .field("limit", &Policies::limit, limit_schema().or_scalar("rate"))
            .doc("How many requests a caller may send in a time.")
            .default_is("as many as it likes")
            .example("100/s by client")
            .field("ask", &Policies::ask, ask_schema().or_scalar("service"))
            .doc("A service that is asked about each request.")
            .default_is("nobody is asked")
            .field("opa", &Policies::opa, opa_schema())
            .doc("Open Policy Agent decides about each request.")
            .default_is("nobody is asked")
            .example("{ service: opa, path: shop/allow }")
            .field("quota", &Policies::quota, quota_schema().or_scalar("requests"))
            .doc("How many requests a caller has in an hour, day or month; counts survive restarts.")
            .default_is("as many as it likes")
            .example("10000/month by api_key")
            .field("at_once", &Policies::at_once, at_once_schema().or_scalar("requests"))
            .doc("How many requests of a caller may be in flight.")
            .default_is("as many as it likes")
            .example("20 by client");
    return schema;
}

std::vector<std::string> policy_names() {
    std::vector<std::string> names;
    for_each_policy([&](std::string_view key, auto) { names.emplace_back(key); });
    return names;
}

EffectivePolicies effective_policies(const std::vector<PolicyLevel>& levels) {
    EffectivePolicies effective;
    for_each_policy([&](std::string_view key, auto member) {
        const PolicyLevel* from = nullptr;
        for (const PolicyLevel& level : levels) {
            const auto is_key = [key](const auto& name) { return name.value == key; };
            if (std::ranges::any_of(level.policies->off, is_key)) from = nullptr;
            if (level.policies->*member) from = &level;
        }
        if (from == nullptr) return;
        effective.policies.*member = from->policies->*member;
        effective.origins.push_back({std::string{key}, from->name, (from->policies->*member)->at});
    });
    return effective;
}

void check_policies(const Policies& policies, const PolicyCheck& check) {
    for_each_policy([&](std::string_view /*key*/, auto member) {
        const auto& policy = policies.*member;
        if (!policy) return;
        if constexpr (requires { policy->check(check); }) policy->check(check);
    });
}

}  // namespace tl::gateway
