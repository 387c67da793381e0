// Durations and sizes as people write them. Used by the manifest, the commands and the tables.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace tl::base {

// "250ms", "2s", "1m30s", "1h", "1d", "0". No unit other than 0, sign or overflow: nullopt.
[[nodiscard]] std::optional<Duration> parse_duration(std::string_view text);
// The shortest exact form that parse_duration reads back, at microsecond precision.
[[nodiscard]] std::string format_duration(Duration d);

// Bytes: "512", "64KB", "64KiB", "1MB", "2GB" (all powers of 1024, as in memory sizes).
[[nodiscard]] std::optional<uint64_t> parse_size(std::string_view text);
[[nodiscard]] std::string format_size(uint64_t bytes);

// RFC 3339 in UTC with milliseconds, as every log line and record of ours shows time.
[[nodiscard]] std::string format_time(WallTime time);

}  // namespace tl::base
