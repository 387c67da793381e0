// Which callers may: by the scopes, roles and claims of the identity that an auth policy has found. A list of values
// means any of them; all rules must hold. With `audit` what would be refused is noted and counted, and passes.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "gateway/policies/context.h"
#include "manifest/schema.h"
#include "proxy/filter.h"

namespace tl::gateway {

// What a claim must be. Exactly one of the four is set.
struct ClaimMatch {
    std::optional<std::string> equals;
    std::optional<std::string> contains;  // a list has it, or a text has it within
    std::vector<std::string> any;         // is one of these, or a list has one of these
    std::vector<std::string> all;         // a list has all of these
};

struct AllowRules {
    std::vector<std::string> scopes;  // all of these
    std::vector<std::string> roles;   // one of these
    std::vector<std::string> subjects;
    std::vector<std::string> plans;
    manifest::OrderedMap<ClaimMatch> claims;
};

struct AllowConfig {
    manifest::Position at;
    AllowRules rules;
    manifest::OrderedMap<AllowRules> methods;  // "GET", "POST": in place of `rules` for these
    bool audit = false;
};

[[nodiscard]] const manifest::Object<AllowConfig>& allow_schema();
[[nodiscard]] FilterPtr make_allow_filter(const AllowConfig& config, const PolicyContext& context);

}  // namespace tl::gateway
