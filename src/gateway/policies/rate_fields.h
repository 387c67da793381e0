// What clients are told about how much they have left: the fields RateLimit-Policy and RateLimit of
// draft-ietf-httpapi-ratelimit-headers-09, by the policies limit and quota.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "codec/http1.h"
#include "proxy/request_context.h"

namespace tl::gateway {

inline constexpr size_t kMostRates = 4;  // of one policy

// Where a caller stands by one of a policy's rates.
struct Standing {
    const std::string* policy = nullptr;  // the item of RateLimit-Policy; it begins with the quoted name
    std::string_view name;                // quoted
    uint64_t left = 0;
    uint64_t reset_seconds = 0;
};

// `"100/s by client";q=100;w=1`: the quoted name is text without quotes and control characters. `window_seconds` 0:
// none.
[[nodiscard]] std::string rate_policy_item(std::string_view name, uint64_t quota, uint64_t window_seconds);
// Beside what the service itself says in these fields: they are lists.
void add_rate_fields(proxy::RequestContext& context, codec::ResponseHead& head, const Standing& one);

// Nanoseconds as whole seconds, rounded up.
[[nodiscard]] constexpr uint64_t seconds_up(uint64_t ns) {
    return ns / 1'000'000'000 + (ns % 1'000'000'000 != 0 ? 1 : 0);
}

}  // namespace tl::gateway
