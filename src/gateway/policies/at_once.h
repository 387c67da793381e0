// How many requests of one caller may be in flight: `at_once: 20 by client`. A place is held from here until the
// request has ended, however it ended. Exact over all cores of the process (key_table.h). Refusals: 429 rate_limited.
#pragma once

#include <optional>
#include <string>

#include "gateway/policies/allowance.h"
#include "gateway/policies/context.h"
#include "manifest/schema.h"
#include "proxy/filter.h"

namespace tl::gateway {

struct AtOnceConfig {
    manifest::Position at;
    Allowance requests;
    CallerKey by;                           // unless `requests` says it
    manifest::OrderedMap<Allowance> plans;  // in the place of `requests`
    uint32_t keys = 65536;
    bool audit = false;
};

[[nodiscard]] const manifest::Object<AtOnceConfig>& at_once_schema();
[[nodiscard]] FilterPtr make_at_once_filter(const AtOnceConfig& config, const PolicyContext& context);

}  // namespace tl::gateway
