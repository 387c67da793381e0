// Numbers as people read them in a table. Plain functions.
#pragma once

#include <cstdint>
#include <string>

#include "base/clock.h"

namespace tl::app {

[[nodiscard]] std::string words_of_bytes(uint64_t bytes);                // "34.1 MB"; "" for 0: not known
[[nodiscard]] std::string words_of_latency(base::Duration d);            // "850 us", "1.2 ms", "3.4 s"; "" for 0
[[nodiscard]] std::string words_of_age(base::Duration d);                // two units at most: "42s", "3m12s", "2d4h"
[[nodiscard]] std::string words_of_share(double share);                  // "0.3 %"; "0 %" for nothing
[[nodiscard]] std::string words_of_rate(double per_second);              // "0.4", "12.5", "1204"
[[nodiscard]] std::string clock_of(base::WallTime time);                 // "14:03:09.120", of this machine's zone
[[nodiscard]] std::string count_of(size_t count, std::string_view one);  // "1 service", "2 services"

}  // namespace tl::app
