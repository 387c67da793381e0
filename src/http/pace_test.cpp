#include "http/pace.h"

#include <gtest/gtest.h>

namespace tl::http {

namespace {

using namespace std::chrono_literals;

constexpr base::TimePoint kStart{1h};
constexpr Patience kAny{.idle = 30s};
constexpr Patience kRate{.idle = 30s, .rate = 100};  // 3,000 bytes

// One that moves `bytes` every `step`, waited for all the time: how long it lasts, an hour at most.
base::Duration lasts(const Patience& rule, uint64_t bytes, base::Duration step) {
    Pace pace;
    base::TimePoint now = kStart;
    uint64_t moved = 0;
    while (now < kStart + 1h) {
        const base::TimePoint until = pace.until(rule, moved, now);
        if (until < now + step) return until - kStart;
        now += step;
        pace.waited(now);
        moved += bytes;
    }
    return now - kStart;
}

}  // namespace

TEST(Pace, silence_ends_after_its_time) { EXPECT_EQ(lasts(kAny, 0, 1s), 30s); }

TEST(Pace, without_a_rate_a_byte_is_enough) { EXPECT_GE(lasts(kAny, 1, 29s), 1h); }

TEST(Pace, with_a_rate_a_byte_now_and_then_is_not) {
    EXPECT_EQ(lasts(kRate, 1, 1s), 30s);
    EXPECT_EQ(lasts(kRate, 99, 1s), 30s);
}

TEST(Pace, who_keeps_up_lasts) {
    EXPECT_GE(lasts(kRate, 100, 1s), 1h);
    EXPECT_EQ(lasts(kRate, 2'900, 29s), 30s);
    EXPECT_GE(lasts(kRate, 3'000, 29s), 1h);
}

TEST(Pace, time_in_which_nobody_waits_for_it_does_not_count) {
    Pace pace;
    base::TimePoint now = kStart;
    for (uint64_t moved = 0; moved < 50; ++moved) {
        const base::TimePoint until = pace.until(kRate, moved, now);
        ASSERT_GE(until, now + 10ms);
        now += 10ms;
        pace.waited(now);
        now += 10min;  // the other side is slow
    }
}

}  // namespace tl::http
