// How a service's requests are spread over its instances: the rule as values. Who gets the next request by it:
// balancer.h; what a manifest says of it: balance_config.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/hash.h"

namespace tl::proxy {

enum class Policy : uint8_t { least_request, round_robin, peak_ewma, ring_hash, maglev };

// Which part of a request says who it is, for hashing: requests that are the same there go the same way.
struct RequestKey {
    enum class Kind : uint8_t { client, path, header, cookie } kind = Kind::client;
    std::string name;  // of the header or cookie
    bool operator==(const RequestKey&) const = default;
};

// A cookie keeps a client at the instance that answered it first.
struct StickyRule {
    std::string cookie;
    base::Duration max_age = std::chrono::hours{1};
    base::HashKey secret;  // so that the cookie tells nothing about the instance
    bool operator==(const StickyRule&) const = default;
};

struct BalanceRule {
    Policy policy = Policy::least_request;
    RequestKey key;           // of ring_hash and maglev
    bool prefer_zone = true;  // instances of the caller's zone first
    base::Duration slow_start{0};
    std::optional<StickyRule> sticky;

    [[nodiscard]] bool hashes() const { return policy == Policy::ring_hash || policy == Policy::maglev; }
    bool operator==(const BalanceRule&) const = default;
};

}  // namespace tl::proxy
