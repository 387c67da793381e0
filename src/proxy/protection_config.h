// What a manifest says about the protection of a service as a whole: circuit breaker, outlier ejection, concurrency.
// Beside the service only: a route cannot have a breaker of its own.
#pragma once

#include "manifest/schema.h"
#include "proxy/traffic.h"

namespace tl::proxy {

struct BreakerConfig {
    bool enabled = BreakerRule{}.on;
    uint32_t consecutive = BreakerRule{}.consecutive;
    double failures = BreakerRule{}.failures;
    uint32_t least_calls = BreakerRule{}.least_calls;
    base::Duration window = BreakerRule{}.window;
    std::optional<base::Duration> slow_after;
    double slow = BreakerRule{}.slow;
    base::Duration open_for = BreakerRule{}.open_for;
    base::Duration longest_open = BreakerRule{}.longest_open;
    uint32_t probes = BreakerRule{}.probes;
};

struct OutlierConfig {
    bool enabled = OutlierRule{}.on;
    uint32_t consecutive = OutlierRule{}.consecutive;
    double failures = OutlierRule{}.failures;
    uint32_t least_calls = OutlierRule{}.least_calls;
    double latency = OutlierRule{}.latency;
    base::Duration latency_above = OutlierRule{}.latency_above;
    double most = OutlierRule{}.most;
    base::Duration eject_for = OutlierRule{}.eject_for;
    base::Duration longest = OutlierRule{}.longest;
};

struct ConcurrencyConfig {
    uint32_t requests = 4096;
    std::optional<uint32_t> instance;
    bool adaptive = ConcurrencyRule{}.adaptive;
    uint32_t queue = 4096;
    base::Duration queue_for = ConcurrencyRule{}.queue_for;
};

struct ProtectionConfig {
    BreakerConfig breaker;
    OutlierConfig outlier;
    ConcurrencyConfig concurrency;

    // Without pool and retry budget, and for all threads together.
    [[nodiscard]] UpstreamRule rule() const;
};

[[nodiscard]] const manifest::Object<ProtectionConfig>& protection_schema();

// What one of so many threads may have of it: its part, rounded up.
[[nodiscard]] ConcurrencyRule part_of(ConcurrencyRule whole, uint32_t threads);

}  // namespace tl::proxy
