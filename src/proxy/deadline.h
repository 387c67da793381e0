// The time a request has, told from hop to hop: taken from callers that may be believed, reduced, never extended, and
// told to the service. In X-Request-Timeout as milliseconds with their unit ("1500ms": parseInt and Go's
// ParseDuration both read it), and in grpc-timeout where the caller used that (gRPC over HTTP/2, "Timeout").
#pragma once

#include <optional>
#include <string_view>

#include "proxy/request_context.h"

namespace tl::proxy {

// "1500" and "1500ms" are milliseconds, "1.5s" seconds; nullopt for what is neither, negative or over a day.
[[nodiscard]] std::optional<base::Duration> parse_request_timeout(std::string_view text);
// At most 8 digits and a unit of H M S m u n.
[[nodiscard]] std::optional<base::Duration> parse_grpc_timeout(std::string_view text);
// The largest unit-precise form with at most 8 digits, rounded down. `left` is not negative.
[[nodiscard]] std::string_view write_grpc_timeout(base::Duration left, base::Arena& arena);

// When the request must have the head of its answer: by the route's timeout, or earlier if the caller says so.
[[nodiscard]] base::TimePoint deadline_of(RequestContext& context);
// Tells the service how much is left until `deadline`.
void tell_deadline(RequestContext& context, base::TimePoint deadline, base::TimePoint now);

}  // namespace tl::proxy
