// "100/s by client burst 200": how much of something a caller may have, as the policies limit, quota and at_once have
// it in the manifest. Plain values; parse_ and format_ are each other's inverse.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "gateway/policies/caller_key.h"

namespace tl::gateway {

// Parts of a calendar count in UTC; a length counts from whenever.
struct Period {
    enum class Kind : uint8_t { length, hour, day, month };
    Kind kind = Kind::length;
    base::Duration length{0};  // of kind length
    bool operator==(const Period&) const = default;
};

struct Allowance {
    uint64_t count = 0;
    std::optional<Period> period;
    std::optional<CallerKey> by;
    std::optional<uint64_t> burst;
    bool operator==(const Allowance&) const = default;
};

inline constexpr uint64_t kMostAllowance = 1'000'000'000'000;

// "100", "100/s", "100/10s by header x-tenant", "5/m burst 10". The error is what is wrong, to be read after the value.
[[nodiscard]] std::expected<Allowance, std::string> parse_rate(std::string_view text);
// The same with periods of the calendar: "10000/month by api_key". Without burst.
[[nodiscard]] std::expected<Allowance, std::string> parse_quota(std::string_view text);
// Without a period and burst: "20 by client".
[[nodiscard]] std::expected<Allowance, std::string> parse_count(std::string_view text);
[[nodiscard]] std::string format_allowance(const Allowance& allowance);

// "s", "m", "10s", "month".
[[nodiscard]] std::string to_string(const Period& period);

}  // namespace tl::gateway
