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
            .field("auth", &Policies::auth, auth_schema().or_scalar("methods"))
            .doc("How requests say who they come from.")
            .default_is("nobody is asked")
            .field("allow", &Policies::allow, allow_schema().or_scalar("scopes"))
            .doc("Which callers may.")
            .default_is("all that `auth` lets pass");
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
