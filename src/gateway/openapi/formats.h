// The formats of JSON Schema (2020-12 validation 7.3) and OpenAPI (3.0 Data Types) that are judged; others are not.
#pragma once

#include <string_view>

namespace tl::gateway {

// date, date-time, time (RFC 3339), email, uuid, ipv4, ipv6, uri, hostname, byte (base64). True for all others.
[[nodiscard]] bool fits_format(std::string_view format, std::string_view text);
// int32, int64, float. True for all others.
[[nodiscard]] bool fits_number_format(std::string_view format, double value);

}  // namespace tl::gateway
