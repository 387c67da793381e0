// How large bodies of a route may be, below the gateway's own limits. Counted while they stream; nothing is held.
#pragma once

#include <cstdint>

#include "gateway/policies/context.h"
#include "manifest/schema.h"
#include "proxy/filter.h"

namespace tl::gateway {

struct SizeConfig {
    manifest::Position at;
    std::optional<uint64_t> request;
    std::optional<uint64_t> response;
};

[[nodiscard]] const manifest::Object<SizeConfig>& size_schema();
[[nodiscard]] FilterPtr make_size_filter(const SizeConfig& config, const PolicyContext& context);

}  // namespace tl::gateway
