// Which programs may ask, by what they call themselves in User-Agent. A client may call itself as it likes: this keeps
// honest robots out, it is no access control.
#pragma once

#include <string>
#include <vector>

#include "gateway/policies/context.h"
#include "manifest/schema.h"
#include "proxy/filter.h"

namespace tl::gateway {

struct AgentsConfig {
    manifest::Position at;
    std::vector<std::string> deny;   // text that is somewhere in it, whatever the case, or "/pattern/"
    std::vector<std::string> allow;  // empty: all
    bool need = false;               // a User-Agent at all
};

[[nodiscard]] const manifest::Object<AgentsConfig>& agents_schema();
[[nodiscard]] FilterPtr make_agents_filter(const AgentsConfig& config, const PolicyContext& context);

}  // namespace tl::gateway
