// How a quota counts: calendar periods in UTC, and one 64-bit state a key (key_table.h). Time comes in from outside and
// may jump: back, and the count goes on in the later period; a clock that had been more than a period ahead is put
// right, and what it counted there is forgotten.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "gateway/policies/allowance.h"

namespace tl::gateway {

// A period's number since 1970, and when it ends (seconds since 1970).
struct QuotaWindow {
    uint64_t number = 0;
    uint64_t end = 0;
};
[[nodiscard]] inline QuotaWindow window_at(Period::Kind per, uint64_t seconds) {
    constexpr uint64_t kHour = 3600;
    constexpr uint64_t kDay = 86400;
    if (per == Period::Kind::hour) return {seconds / kHour, (seconds / kHour + 1) * kHour};
    if (per != Period::Kind::month) return {seconds / kDay, (seconds / kDay + 1) * kDay};
    const std::chrono::sys_days day{std::chrono::days{seconds / kDay}};
    const std::chrono::year_month_day date{day};
    const std::chrono::year_month month{date.year(), date.month()};
    const std::chrono::sys_days next{(month + std::chrono::months{1}) / std::chrono::day{1}};
    const auto years = static_cast<uint64_t>(static_cast<int>(date.year()) - 1970);
    return {years * 12 + static_cast<unsigned>(date.month()) - 1,
            static_cast<uint64_t>(next.time_since_epoch().count()) * kDay};
}

// A rule of KeyTable. State: number of the window (24 bits), count (40 bits).
class QuotaCount {
  public:
    static constexpr uint64_t kMost = (uint64_t{1} << 40) - 1;

    QuotaCount(uint64_t window, uint64_t most) : window_(window), most_(most) {}

    [[nodiscard]] static uint64_t pack(uint64_t window, uint64_t count) { return window << 40 | count; }
    [[nodiscard]] static uint64_t window_of(uint64_t state) { return state >> 40; }
    [[nodiscard]] static uint64_t count_of(uint64_t state) { return state & kMost; }

    [[nodiscard]] bool idle(uint64_t state) const { return count_in(state) == 0; }
    [[nodiscard]] std::optional<uint64_t> step(uint64_t state) {
        const uint64_t window = holds(state) ? window_of(state) : window_;
        used = count_in(state);
        allowed = used < most_;
        if (!allowed) return std::nullopt;
        ++used;
        return pack(window, used);
    }
    [[nodiscard]] uint64_t count_in(uint64_t state) const { return holds(state) ? count_of(state) : 0; }
    [[nodiscard]] uint64_t undo(uint64_t state) const { return count_of(state) == 0 ? state : state - 1; }

    bool allowed = false;
    uint64_t used = 0;  // with this one

  private:
    [[nodiscard]] bool holds(uint64_t state) const {
        return window_of(state) == window_ || window_of(state) == window_ + 1;
    }
    uint64_t window_;
    uint64_t most_;
};

// Puts a count back that was saved.
struct QuotaRestore {
    uint64_t window = 0;  // of now
    uint64_t state = 0;
    [[nodiscard]] bool idle(uint64_t seen) const { return QuotaCount{window, 0}.idle(seen); }
    [[nodiscard]] std::optional<uint64_t> step(uint64_t /*seen*/) const { return state; }
    [[nodiscard]] uint64_t undo(uint64_t seen) const { return seen; }
};

}  // namespace tl::gateway
