// Requests are held against a service's contract: an OpenAPI document. All that is wrong with one is told at once;
// answers can be watched, never changed.
#pragma once

#include "gateway/policies/context.h"
#include "manifest/schema.h"
#include "proxy/filter.h"

namespace tl::gateway {

struct PolicyCheck;

enum class ContractMode : uint8_t { off, report, enforce };

struct OpenApiConfig {
    manifest::Position at;
    manifest::Located<std::string> file;
    std::optional<std::string> base;  // in front of the document's paths; nothing: the path of its first server
    ContractMode requests = ContractMode::enforce;
    ContractMode responses = ContractMode::off;
    bool unknown = false;     // operations that the document does not have are passed on
    uint64_t most = 1 << 20;  // bytes of a body

    void check(const PolicyCheck& check) const;
};

[[nodiscard]] const manifest::Object<OpenApiConfig>& openapi_schema();
[[nodiscard]] FilterPtr make_openapi_filter(const OpenApiConfig& config, const PolicyContext& context);

}  // namespace tl::gateway
