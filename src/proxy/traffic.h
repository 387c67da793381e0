// How requests to a service are treated, as the data path uses it: rules of one request (TrafficRule, of the service or
// as a route changes it) and rules of the service as a whole (UpstreamRule). What a manifest says of them:
// traffic_config.h. Why the defaults are what they are: docs/resilience.md.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "codec/grpc.h"
#include "net/shortcut.h"
#include "net/tls.h"
#include "proxy/balance.h"

namespace tl::proxy {

// A set of statuses is a bit for each.
[[nodiscard]] constexpr uint32_t call_bit(codec::GrpcStatus status) { return 1U << static_cast<unsigned>(status); }

// What makes a try one that may be made again; whether it is, is retry.h's to say.
struct RetryRule {
    bool unsent = true;   // no connection, or TCP proves that nothing was received
    bool reset = true;    // the connection broke before an answer
    bool timeout = true;  // try_timeout passed
    std::vector<uint16_t> statuses{502, 503, 504};
    uint32_t calls = call_bit(codec::GrpcStatus::unavailable);  // how calls of gRPC ended
    std::vector<std::string> methods;                           // harmless twice, beside the idempotent ones
    base::Duration backoff = std::chrono::milliseconds{100};    // the longest first wait; doubles with each try
    base::Duration longest_wait = std::chrono::seconds{1};
};

// A second try of a request that its first one has not answered yet.
struct HedgeRule {
    base::Duration after{};  // 0: never
};

// Who waits first in line and is turned away last when a service is overloaded.
enum class Importance : uint8_t { low, normal, high };
inline constexpr size_t kImportances = 3;

struct TrafficRule {
    base::Duration timeout = std::chrono::seconds{15};     // to the head of the final answer, retries included
    base::Duration stream_idle = std::chrono::minutes{5};  // silence within a body or a tunnel
    uint32_t attempts = 3;                                 // in all, the first included
    base::Duration try_timeout{};                          // of one try; 0: only `timeout` counts
    RetryRule retry;
    HedgeRule hedge;
    Importance importance = Importance::normal;
};

struct PoolLimits {
    size_t idle = 1024;                                 // kept open for each instance and core
    base::Duration idle_for = std::chrono::seconds{4};  // shorter than the 5 s after which Node.js closes
    base::Duration connect = std::chrono::seconds{1};
    size_t shared = 8;  // connections of HTTP/2 to each instance, of each core
    base::Duration shared_idle_for = std::chrono::seconds{60};
    base::Duration handshake = std::chrono::seconds{3};  // of TLS, once connected
    net::Shortcut shortcut;                              // for connections without TLS
};

// Retries of one caller at one service, of one core.
struct RetryBudgetRule {
    double share = 0.2;  // of the requests of the last ten seconds
    uint32_t least = 3;  // a second, however few requests there are
};

struct BreakerRule {
    bool on = true;
    uint32_t consecutive = 10;  // failures in a row
    double failures = 0.5;      // share of the calls in `window`
    uint32_t least_calls = 20;  // below so many in `window` no share counts
    base::Duration window = std::chrono::seconds{10};
    base::Duration slow_after{};                        // a call that took longer is slow; 0: none is
    double slow = 0.8;                                  // share of the calls in `window`
    base::Duration open_for = std::chrono::seconds{1};  // doubles while it does not get better
    base::Duration longest_open = std::chrono::seconds{30};
    uint32_t probes = 3;  // requests at a time while half open, and successes until it closes
};

struct OutlierRule {
    bool on = true;
    uint32_t consecutive = 5;   // failures in a row
    double failures = 0.3;      // share of failures above that of the other instances
    uint32_t least_calls = 10;  // in the last ten seconds, for the share
    double latency = 4;         // an answer is slow when it takes so many times what it usually takes elsewhere ...
    base::Duration latency_above = std::chrono::milliseconds{250};  // ... and at least so much longer
    double most = 0.5;                                              // share of the instances, rounded down
    base::Duration eject_for = std::chrono::seconds{10};            // the first time; grows by as much each time
    base::Duration longest = std::chrono::minutes{5};
};

// Requests that one core has on their way to the service; app/ divides what a manifest says by the number of cores.
struct ConcurrencyRule {
    uint32_t requests = 1024;  // at once, at most
    uint32_t instance = 0;     // at once on one instance; 0: no limit
    bool adaptive = true;      // fewer, while latency shows that they only wait for each other
    uint32_t queue = 1024;     // requests that wait for their turn
    base::Duration queue_for = std::chrono::milliseconds{500};  // then they are turned away
};
// What a service speaks: where it is not said, what everything speaks.
enum class Protocol : uint8_t { http1, http2, tcp };

// What an instance is told about the client in front of the client's bytes (proxy_header.h).
enum class ProxyHeader : uint8_t { none, v1, v2 };

// Connections to a service with `protocol: tcp`; how long connecting may take is the pool's to say.
struct TcpRule {
    base::Duration idle = std::chrono::hours{1};      // silence of both directions
    base::Duration drain = std::chrono::seconds{10};  // for those of an instance that has left
    uint32_t attempts = 3;                            // instances in all, the first included
    ProxyHeader send_proxy_protocol = ProxyHeader::none;
};

struct UpstreamRule {
    PoolLimits pool;
    Protocol protocol = Protocol::http1;
    net::TlsClientPtr tls;  // connections speak TLS by these rules; nullptr: plain
    std::string host;       // what requests to it say in Host; "": what the client said
    BalanceRule balance;
    RetryBudgetRule budget;
    BreakerRule breaker;
    OutlierRule outlier;
    ConcurrencyRule concurrency;
    TcpRule tcp;
};

}  // namespace tl::proxy
