// How requests to a service are treated, as the data path uses it: rules of one request (TrafficRule, of the service or
// as a route changes it) and rules of the service as a whole (UpstreamRule). What a manifest says of them:
// traffic_config.h.
#pragma once

#include <cstdint>

#include "base/clock.h"
#include "net/tls.h"
#include "proxy/balance.h"

namespace tl::proxy {

struct TrafficRule {
    base::Duration timeout = std::chrono::seconds{15};     // to the head of the final answer, retries included
    base::Duration stream_idle = std::chrono::minutes{5};  // silence within a body or a tunnel
    uint32_t attempts = 3;                                 // in all, the first included
};

struct PoolLimits {
    size_t idle = 64;                                   // kept open for each instance and core
    base::Duration idle_for = std::chrono::seconds{4};  // shorter than the 5 s after which Node.js closes
    base::Duration connect = std::chrono::seconds{1};
    size_t shared = 8;  // connections of HTTP/2 to each instance, of each core
    base::Duration shared_idle_for = std::chrono::seconds{60};
    base::Duration handshake = std::chrono::seconds{3};  // of TLS, once connected
};

// What a service speaks: where it is not said, what everything speaks.
enum class Protocol : uint8_t { http1, http2 };

struct UpstreamRule {
    PoolLimits pool;
    Protocol protocol = Protocol::http1;
    net::TlsClientPtr tls;  // connections speak TLS by these rules; nullptr: plain
    BalanceRule balance;
};

}  // namespace tl::proxy
