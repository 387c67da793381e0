// How many requests a caller has in an hour, day or month (UTC): `quota: 10000/month by api_key`. Counts survive
// restarts (quota_store.h says what a crash may lose); several gateways may count together in Redis. Refusals: 429
// quota_exceeded.
#pragma once

#include <string>
#include <vector>

#include "gateway/policies/allowance.h"
#include "gateway/policies/context.h"
#include "gateway/policies/store.h"
#include "manifest/schema.h"
#include "proxy/filter.h"

namespace tl::gateway {

struct QuotaConfig {
    manifest::Position at;
    std::vector<Allowance> requests;
    Period per{.kind = Period::Kind::month};             // of those that say none
    CallerKey by;                                        // of those that say none
    manifest::OrderedMap<std::vector<Allowance>> plans;  // in the place of `requests`, item by item
    Store store = Store::memory;
    OnStoreFailure on_store_failure = OnStoreFailure::allow;
    uint32_t keys = 65536;
    bool audit = false;
    bool headers = true;

    void check(const PolicyCheck& check) const;
};

[[nodiscard]] const manifest::Object<QuotaConfig>& quota_schema();
[[nodiscard]] FilterPtr make_quota_filter(const QuotaConfig& config, const PolicyContext& context);

}  // namespace tl::gateway
