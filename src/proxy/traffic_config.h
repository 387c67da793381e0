// What a manifest says about requests to a service: TrafficConfig stands beside the service, with the defaults;
// TrafficOverride stands at a route and says only what differs there. Plain values; the rooms of floor 5 include the
// schemas into their own, so that a rule reads the same wherever it is written. What protects the service as a whole:
// protection_config.h.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "manifest/schema.h"
#include "proxy/balance_config.h"
#include "proxy/protection_config.h"
#include "proxy/shaping_config.h"
#include "proxy/traffic.h"

namespace tl::proxy {

struct RetryConfig {
    uint32_t attempts = TrafficRule{}.attempts;
    std::vector<std::string> on{"unsent", "reset", "timeout", "502", "503", "504", "unavailable"};
    std::vector<std::string> methods;
    base::Duration backoff = RetryRule{}.backoff;
    base::Duration longest_wait = RetryRule{}.longest_wait;
    double budget = RetryBudgetRule{}.share;
    uint32_t budget_least = RetryBudgetRule{}.least;
};

struct RetryOverride {
    std::optional<uint32_t> attempts;
    std::optional<std::vector<std::string>> on;
    std::optional<std::vector<std::string>> methods;
    std::optional<base::Duration> backoff;
    std::optional<base::Duration> longest_wait;
};

struct HedgeConfig {
    base::Duration after{};
};

// `tcp` beside a service with `protocol: tcp`.
struct TcpConfig {
    manifest::Position at;
    base::Duration connect = PoolLimits{}.connect;
    base::Duration idle = TcpRule{}.idle;
    ProxyHeader send_proxy_protocol = ProxyHeader::none;
};

struct TrafficConfig {
    base::Duration timeout = TrafficRule{}.timeout;
    std::optional<base::Duration> try_timeout;
    base::Duration stream_idle = TrafficRule{}.stream_idle;
    RetryConfig retry;
    std::optional<HedgeConfig> hedge;
    Importance importance = TrafficRule{}.importance;
    ProtectionConfig protection;
    Protocol protocol = Protocol::http1;
    std::optional<TcpConfig> tcp;
    BalanceConfig balance;
    ShapingConfig shaping;

    [[nodiscard]] TrafficRule request_rule() const;
    // `secret` hides instances in sticky cookies.
    [[nodiscard]] UpstreamRule upstream_rule(base::HashKey secret) const;
};

struct TrafficOverride {
    std::optional<base::Duration> timeout;
    std::optional<base::Duration> try_timeout;
    std::optional<base::Duration> stream_idle;
    std::optional<RetryOverride> retry;
    std::optional<HedgeConfig> hedge;
    std::optional<Importance> importance;
    ShapingConfig shaping;

    // The service's rule as this route has it.
    [[nodiscard]] TrafficRule over(TrafficRule rule) const;
};

[[nodiscard]] const manifest::Object<TrafficConfig>& traffic_schema();
[[nodiscard]] const manifest::Object<TrafficOverride>& traffic_override_schema();

}  // namespace tl::proxy
