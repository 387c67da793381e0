// An authoriser of one's own: a service is asked about each request before it goes on, by the convention of nginx's
// auth_request and others. 2xx lets it pass, with headers for the service; 3xx and 4xx are the client's answer. The
// asking itself, memory and failure: authoriser.h.
#pragma once

#include "gateway/policies/authoriser.h"
#include "gateway/policies/caller_key.h"

namespace tl::gateway {

struct AskCacheConfig {
    DecisionRules rules;
    std::vector<CallerKey> by;  // empty: the client's address and all that is sent
};

struct AskConfig {
    manifest::Position at;
    AuthoriserRules rules{.send = {"Authorization"}};
    std::string path = "/check";
    std::optional<AskCacheConfig> cache;

    void check(const PolicyCheck& check) const;
};

[[nodiscard]] const manifest::Object<AskConfig>& ask_schema();
[[nodiscard]] FilterPtr make_ask_filter(const AskConfig& config, const PolicyContext& context);

}  // namespace tl::gateway
