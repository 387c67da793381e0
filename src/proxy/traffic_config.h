// What a manifest says about requests to a service: TrafficConfig stands beside the service, with the defaults;
// TrafficOverride stands at a route and says only what differs there. Plain values; the rooms of floor 5 include the
// schemas into their own, so that a rule reads the same wherever it is written.
#pragma once

#include <optional>

#include "manifest/schema.h"
#include "proxy/balance_config.h"
#include "proxy/shaping_config.h"
#include "proxy/traffic.h"

namespace tl::proxy {

struct RetryConfig {
    uint32_t attempts = TrafficRule{}.attempts;
};

struct TrafficConfig {
    base::Duration timeout = TrafficRule{}.timeout;
    base::Duration stream_idle = TrafficRule{}.stream_idle;
    RetryConfig retry;
    Protocol protocol = Protocol::http1;
    BalanceConfig balance;
    ShapingConfig shaping;

    [[nodiscard]] TrafficRule request_rule() const;
    // `secret` hides instances in sticky cookies.
    [[nodiscard]] UpstreamRule upstream_rule(base::HashKey secret) const {
        return {.pool = {}, .protocol = protocol, .tls = nullptr, .balance = balance.rule(secret)};
    }
};

struct TrafficOverride {
    std::optional<base::Duration> timeout;
    std::optional<base::Duration> stream_idle;
    std::optional<RetryConfig> retry;
    ShapingConfig shaping;

    // The service's rule as this route has it.
    [[nodiscard]] TrafficRule over(TrafficRule rule) const;
};

[[nodiscard]] const manifest::Object<TrafficConfig>& traffic_schema();
[[nodiscard]] const manifest::Object<TrafficOverride>& traffic_override_schema();

}  // namespace tl::proxy
