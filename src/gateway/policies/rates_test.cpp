// What limits, quotas and leases let through, by clocks that stand, run and jump.
#include "gateway/policies/rates.h"

#include <gtest/gtest.h>

#include <deque>

#include "base/random.h"
#include "gateway/policies/lease.h"
#include "gateway/policies/quota_count.h"

namespace tl::gateway {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;

// One key's requests by GCRA.
struct GcraKey {
    uint64_t interval;
    uint64_t burst;
    uint64_t state = 0;
    RateAnswer ask(uint64_t now) {
        Gcra rule{interval, burst, now};
        if (const auto next = rule.step(state)) state = *next;
        return rule.answer;
    }
};
struct WindowKey {
    uint64_t length;
    uint64_t most;
    uint64_t state = 0;
    RateAnswer ask(uint64_t now) {
        SlidingWindow rule{length, most, now};
        if (const auto next = rule.step(state)) state = *next;
        return rule.answer;
    }
};

TEST(Gcra, lets_a_burst_through_and_then_one_an_interval_to_the_nanosecond) {
    GcraKey key{.interval = kSecond / 10, .burst = 3};
    uint64_t now = 1000 * kSecond;
    for (uint64_t left = 3; left-- > 0;) {
        const RateAnswer answer = key.ask(now);
        EXPECT_TRUE(answer.allowed);
        EXPECT_EQ(answer.left, left);
        EXPECT_EQ(answer.reset, (3 - left) * key.interval);
    }
    EXPECT_FALSE(key.ask(now).allowed);
    EXPECT_EQ(key.ask(now).retry, key.interval);
    EXPECT_FALSE(key.ask(now + key.interval - 1).allowed);
    EXPECT_TRUE(key.ask(now + key.interval).allowed);
    EXPECT_FALSE(key.ask(now + key.interval).allowed) << "what was refused has cost nothing, what was let through has";
    EXPECT_TRUE(key.ask(now + 2 * key.interval).allowed);
}

TEST(Gcra, a_rested_key_has_its_burst_and_no_more) {
    GcraKey key{.interval = 7, .burst = 5};
    EXPECT_TRUE(key.ask(1'000'000).allowed);
    int allowed = 0;
    for (int i = 0; i < 50; ++i) allowed += key.ask(100'000'000).allowed ? 1 : 0;
    EXPECT_EQ(allowed, 5);
}

TEST(Gcra, a_clock_that_jumps_back_holds_nobody_up_for_longer_than_a_burst_takes) {
    GcraKey key{.interval = kSecond, .burst = 4};
    for (int i = 0; i < 4; ++i) EXPECT_TRUE(key.ask(5'000'000 * kSecond).allowed);
    EXPECT_FALSE(key.ask(1'000 * kSecond).allowed);
    EXPECT_FALSE(key.ask(1'000 * kSecond).allowed);
    EXPECT_TRUE(key.ask(1'001 * kSecond).allowed);
    EXPECT_FALSE(key.ask(1'001 * kSecond).allowed);
}

TEST(Gcra, a_core_whose_clock_is_a_little_behind_lifts_nothing) {
    GcraKey key{.interval = 10, .burst = 4};
    for (int i = 0; i < 4; ++i) EXPECT_TRUE(key.ask(1'000'000).allowed);
    EXPECT_FALSE(key.ask(900'000).allowed);
    EXPECT_FALSE(key.ask(1'000'000).allowed);
    EXPECT_TRUE(key.ask(1'000'010).allowed);
}

// In every window of w nanoseconds, wherever it begins: at most burst + w / interval; and the same as a bucket of
// tokens would have let through.
TEST(Gcra, never_lets_more_through_than_a_bucket_of_tokens) {
    base::Random dice{7};
    for (int round = 0; round < 200; ++round) {
        const uint64_t interval = 1 + dice.below(1000);
        const uint64_t burst = 1 + dice.below(20);
        GcraKey key{.interval = interval, .burst = burst};
        uint64_t now = 1'000'000;
        uint64_t filled = now;  // when the bucket was last counted; in it: burst * interval at most
        uint64_t bucket = burst * interval;
        for (int i = 0; i < 300; ++i) {
            now += dice.below(static_cast<uint32_t>(2 * interval));
            bucket = std::min(burst * interval, bucket + (now - filled));
            filled = now;
            const bool expected = bucket >= interval;
            if (expected) bucket -= interval;
            ASSERT_EQ(key.ask(now).allowed, expected) << "interval " << interval << " burst " << burst << " step " << i;
        }
    }
}

TEST(Gcra, a_step_that_is_taken_back_was_never_made) {
    GcraKey key{.interval = 10, .burst = 2};
    EXPECT_TRUE(key.ask(1000).allowed);
    key.state = Gcra{10, 2, 1000}.undo(key.state);
    EXPECT_TRUE((Gcra{10, 2, 1000}.idle(key.state)));
    EXPECT_EQ(key.ask(1000).left, 1U);
}

TEST(SlidingWindow, holds_at_its_edge) {
    WindowKey key{.length = kSecond, .most = 10};
    const uint64_t edge = 500 * kSecond;
    for (int i = 0; i < 10; ++i) EXPECT_TRUE(key.ask(edge - 1).allowed) << i;
    EXPECT_FALSE(key.ask(edge - 1).allowed);
    EXPECT_FALSE(key.ask(edge).allowed) << "a fixed window would let ten more through here";
    EXPECT_TRUE(key.ask(edge + kSecond / 10).allowed);
    EXPECT_FALSE(key.ask(edge + kSecond / 10).allowed);
    EXPECT_TRUE(key.ask(edge + 3 * kSecond).allowed);
    EXPECT_EQ(key.ask(edge + 3 * kSecond).left, 8U);
}

TEST(SlidingWindow, says_when_it_is_worth_trying_again) {
    base::Random dice{11};
    for (int round = 0; round < 300; ++round) {
        WindowKey key{.length = 1000 + dice.below(100'000), .most = 1 + dice.below(30)};
        uint64_t now = 50'000'000;
        RateAnswer answer{.allowed = true};
        while (answer.allowed) {
            now += dice.below(static_cast<uint32_t>(key.length / key.most / 2));
            answer = key.ask(now);
        }
        ASSERT_GT(answer.retry, 0U);
        EXPECT_TRUE(key.ask(now + answer.retry).allowed)
            << "length " << key.length << " most " << key.most << " retry " << answer.retry;
    }
}

TEST(SlidingWindow, a_clock_that_jumps_back_a_little_lifts_nothing_and_far_begins_anew) {
    WindowKey key{.length = 1000, .most = 2};
    EXPECT_TRUE(key.ask(1'000'500).allowed);
    EXPECT_TRUE(key.ask(1'000'500).allowed);
    EXPECT_FALSE(key.ask(999'900).allowed);
    EXPECT_TRUE(key.ask(500'000).allowed);
}

TEST(Quota, periods_end_where_the_calendar_says_in_UTC) {
    using Kind = Period::Kind;
    constexpr uint64_t kFebruary = 1709164800;  // 2024-02-29T00:00:00Z
    EXPECT_EQ(window_at(Kind::month, kFebruary).end, 1709251200U);
    EXPECT_EQ(window_at(Kind::month, kFebruary + 86399).number, window_at(Kind::month, kFebruary).number);
    EXPECT_EQ(window_at(Kind::month, kFebruary + 86400).number, window_at(Kind::month, kFebruary).number + 1);
    EXPECT_EQ(window_at(Kind::month, 1703980799 + 86400).number + 1, window_at(Kind::month, 1703980800 + 86400).number)
        << "the turn of a year";
    EXPECT_EQ(window_at(Kind::day, kFebruary - 1).end, kFebruary);
    EXPECT_EQ(window_at(Kind::hour, kFebruary + 3599).end, kFebruary + 3600);
}

uint64_t count(uint64_t& state, uint64_t window, uint64_t most) {
    QuotaCount rule{window, most};
    if (const auto next = rule.step(state)) state = *next;
    return rule.allowed ? rule.used : 0;
}

TEST(Quota, counts_to_its_end_and_anew_in_the_next_period) {
    uint64_t state = 0;
    EXPECT_EQ(count(state, 650, 2), 1U);
    EXPECT_EQ(count(state, 650, 2), 2U);
    EXPECT_EQ(count(state, 650, 2), 0U);
    EXPECT_EQ(count(state, 651, 2), 1U);
    EXPECT_EQ(count(state, 650, 2), 2U) << "a clock that goes back a little goes on counting where it was";
    EXPECT_EQ(count(state, 650, 2), 0U);
}

TEST(Quota, a_clock_that_was_far_ahead_is_put_right) {
    uint64_t state = 0;
    EXPECT_EQ(count(state, 900, 1), 1U);
    EXPECT_EQ(count(state, 650, 1), 1U);
    EXPECT_EQ(count(state, 650, 1), 0U);
}

Lease::Word take(uint64_t& state, uint64_t now, uint64_t low = 0) {
    Lease lease{now, low};
    if (const auto next = lease.step(state)) state = *next;
    return lease.word;
}

TEST(Lease, gives_out_what_was_granted_and_then_knows_nothing) {
    uint64_t state = 0;
    EXPECT_EQ(take(state, 1000), Lease::Word::unknown);
    state = *LeaseGrant{.now = 1000, .granted = 2, .lasts = 100, .retry = 1}.step(state);
    EXPECT_EQ(take(state, 1000), Lease::Word::granted);
    EXPECT_EQ(take(state, 1099), Lease::Word::granted);
    EXPECT_EQ(take(state, 1099), Lease::Word::unknown) << "used up is not refused";
    state = *LeaseGrant{.now = 1100, .granted = 2, .lasts = 100, .retry = 1}.step(state);
    EXPECT_EQ(take(state, 1200), Lease::Word::unknown) << "it is over";
}

TEST(Lease, refuses_for_as_long_as_it_was_told_unless_something_is_left) {
    uint64_t state = *LeaseGrant{.now = 1000, .granted = 0, .lasts = 100, .retry = 5}.step(0);
    EXPECT_EQ(take(state, 1004), Lease::Word::refused);
    EXPECT_EQ(take(state, 1005), Lease::Word::unknown);
    state = *LeaseGrant{.now = 1000, .granted = 1, .lasts = 100, .retry = 5}.step(0);
    EXPECT_FALSE((LeaseGrant{.now = 1000, .granted = 0, .lasts = 100, .retry = 5}.step(state)).has_value());
    EXPECT_EQ(take(state, 1000), Lease::Word::granted);
}

TEST(Lease, asks_for_more_once_when_half_is_used) {
    uint64_t state = *LeaseGrant{.now = 1000, .granted = 10, .lasts = 100, .retry = 5}.step(0);
    int asked = 0;
    for (int i = 0; i < 10; ++i) {
        Lease lease{1000, 5};
        state = *lease.step(state);
        asked += lease.more ? 1 : 0;
    }
    EXPECT_EQ(asked, 1);
}

}  // namespace
}  // namespace tl::gateway
