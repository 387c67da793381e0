// Open Policy Agent decides: it is asked by its data API (POST /v1/data/PATH with {"input": ...}) about each request.
// What it gets: opa_input.h; what its answer means: opa_result.h; asking, memory and failure: authoriser.h.
#pragma once

#include "gateway/policies/authoriser.h"

namespace tl::gateway {

struct OpaConfig {
    manifest::Position at;
    AuthoriserRules rules;
    std::string path;  // of the rule, such as "shop/allow"
    std::optional<DecisionRules> cache;

    void check(const PolicyCheck& check) const;
};

[[nodiscard]] const manifest::Object<OpaConfig>& opa_schema();
[[nodiscard]] FilterPtr make_opa_filter(const OpaConfig& config, const PolicyContext& context);

}  // namespace tl::gateway
