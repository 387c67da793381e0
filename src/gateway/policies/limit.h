// How many requests a caller may send in a time: `limit: 100/s by client`. Exact over all cores of the process: the
// counters are one table of atomics (key_table.h), which carries over reloads. Refusals: 429 rate_limited.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "gateway/policies/allowance.h"
#include "gateway/policies/context.h"
#include "gateway/policies/store.h"
#include "manifest/schema.h"
#include "proxy/filter.h"

namespace tl::gateway {

struct PolicyCheck;

struct LimitConfig {
    enum class Algorithm : uint8_t { gcra, sliding_window };

    manifest::Position at;
    std::vector<Allowance> rate;
    std::optional<uint64_t> burst;  // of rates that say none
    CallerKey by;                   // of rates that say none
    Algorithm algorithm = Algorithm::gcra;
    manifest::OrderedMap<std::vector<Allowance>> plans;  // in the place of `rate`, item by item
    Store store = Store::memory;
    OnStoreFailure on_store_failure = OnStoreFailure::allow;
    uint32_t keys = 65536;
    bool audit = false;
    bool headers = true;

    void check(const PolicyCheck& check) const;
};

[[nodiscard]] const manifest::Object<LimitConfig>& limit_schema();
[[nodiscard]] FilterPtr make_limit_filter(const LimitConfig& config, const PolicyContext& context);

}  // namespace tl::gateway
