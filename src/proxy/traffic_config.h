// What a manifest says about requests to a service: TrafficConfig stands beside the service, with the defaults;
// TrafficOverride stands at a route and says only what differs there. Plain values; the rooms of floor 5 include the
// schemas into their own, so that a rule reads the same wherever it is written.
#pragma once

#include <optional>

#include "manifest/schema.h"
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

    [[nodiscard]] TrafficRule request_rule() const;
    [[nodiscard]] UpstreamRule upstream_rule() const { return {.protocol = protocol}; }
};

struct TrafficOverride {
    std::optional<base::Duration> timeout;
    std::optional<base::Duration> stream_idle;
    std::optional<RetryConfig> retry;

    // The service's rule as this route has it.
    [[nodiscard]] TrafficRule over(TrafficRule rule) const;
};

[[nodiscard]] const manifest::Object<TrafficConfig>& traffic_schema();
[[nodiscard]] const manifest::Object<TrafficOverride>& traffic_override_schema();

}  // namespace tl::proxy
