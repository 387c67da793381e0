// Time as the product uses it: a monotonic clock for waiting, a wall clock for showing.
// Rules of logic take `now` as an argument; only rt/ and main read a clock.
#pragma once

#include <chrono>
#include <cstdint>

namespace tl::base {

using Duration = std::chrono::nanoseconds;
using TimePoint = std::chrono::time_point<std::chrono::steady_clock, Duration>;
using WallTime = std::chrono::time_point<std::chrono::system_clock, Duration>;

inline constexpr TimePoint kNever = TimePoint::max();

[[nodiscard]] inline TimePoint steady_now() { return std::chrono::steady_clock::now(); }
[[nodiscard]] inline WallTime wall_now() { return std::chrono::system_clock::now(); }

// now + d without overflow: a deadline so far away that it is never.
[[nodiscard]] inline TimePoint deadline_after(TimePoint now, Duration d) {
    return d >= kNever - now ? kNever : now + d;
}

}  // namespace tl::base
