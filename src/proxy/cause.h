// Why Trunkline itself answered a request, or why one failed: the codes that users see in problem details, access
// records, `why` and metrics. A code never changes its meaning; new ones are added at the end.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/error.h"

namespace tl::proxy {

enum class Cause : uint8_t {
    none,
    no_route,
    no_healthy_instance,
    not_allowed,
    upstream_connect_failed,
    upstream_timeout,
    upstream_reset,
    upstream_protocol,
    bad_request,
    head_too_large,
    body_too_large,
    request_timeout,
    client_gone,
    no_such_service,
    unsupported,
    internal,
    upstream_certificate_expired,
    upstream_certificate_mismatch,
    upstream_certificate_untrusted,
    upstream_tls,
    fault_injected,
    circuit_open,
    overloaded,
    out_of_memory,
    bad_upstream_answer,
    unauthenticated,
    forbidden,
    blocked,
    rate_limited,
    quota_exceeded,
    invalid_request,
    policy_unavailable,
    script_failed,
    incomplete,
};
inline constexpr size_t kCauses = static_cast<size_t>(Cause::incomplete) + 1;

struct CauseInfo {
    std::string_view code;   // "no_route"
    std::string_view title;  // one sentence for people
    uint16_t status;         // of the answer
};
[[nodiscard]] const CauseInfo& info(Cause cause);

// What a failed attempt at an upstream means for the client.
[[nodiscard]] Cause cause_of(const base::Error& error);

}  // namespace tl::proxy
