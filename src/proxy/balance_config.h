// What a manifest says about spreading a service's requests: the key `balance`. Plain values.
#pragma once

#include <optional>
#include <string>

#include "manifest/schema.h"
#include "proxy/balance.h"

namespace tl::proxy {

struct StickyConfig {
    std::string cookie = "trunkline";
    base::Duration max_age = StickyRule{}.max_age;
};

enum class ZoneUse : uint8_t { prefer, ignore };

struct BalanceConfig {
    manifest::Located<Policy> policy;
    std::optional<manifest::Located<RequestKey>> key;
    ZoneUse zones = ZoneUse::prefer;
    base::Duration slow_start{0};
    std::optional<StickyConfig> sticky;

    // `secret` hides instances in sticky cookies.
    [[nodiscard]] BalanceRule rule(base::HashKey secret) const;
};

[[nodiscard]] const manifest::Object<BalanceConfig>& balance_schema();

}  // namespace tl::proxy
