#include "proxy/breaker.h"

#include <gtest/gtest.h>

namespace tl::proxy {

using namespace std::chrono_literals;

namespace {

// A breaker and a clock that the test moves.
struct Bed {
    explicit Bed(BreakerRule rule = {}) { breaker.change_rule(rule); }
    void calls(int count, bool failed, base::Duration took = 1ms) {
        for (int i = 0; i < count; ++i) {
            const Breaker::Pass pass = breaker.enter(now);
            if (pass == Breaker::Pass::refused) continue;
            breaker.count(pass, failed, took, now);
            breaker.leave(pass);
        }
    }
    [[nodiscard]] bool lets_one_through() {
        const Breaker::Pass pass = breaker.enter(now);
        breaker.leave(pass);
        return pass != Breaker::Pass::refused;
    }
    Breaker breaker;
    base::TimePoint now{1h};
};

}  // namespace

TEST(Breaker, opens_after_failures_in_a_row_and_a_success_between_them_counts) {
    Bed bed;
    bed.calls(9, true);
    bed.calls(1, false);
    bed.calls(9, true);
    EXPECT_TRUE(bed.breaker.closed());
    bed.calls(1, true);
    EXPECT_EQ(bed.breaker.state(), Breaker::State::open);
    EXPECT_EQ(bed.breaker.reason(), "10 failures in a row");
    EXPECT_FALSE(bed.lets_one_through());
    EXPECT_EQ(bed.breaker.opens_in(bed.now), 1s);
}

TEST(Breaker, opens_by_the_share_of_failures_once_there_are_enough_calls) {
    Bed bed{{.consecutive = 1000}};
    for (int i = 0; i < 9; ++i) bed.calls(1, false), bed.calls(1, true);
    bed.calls(1, true);
    EXPECT_TRUE(bed.breaker.closed());  // 19 calls
    bed.calls(1, true);
    EXPECT_EQ(bed.breaker.reason(), "11 of the last 20 calls failed");
}

TEST(Breaker, forgets_what_is_older_than_its_window) {
    Bed bed{{.consecutive = 1000}};
    bed.calls(19, true);
    bed.now += 11s;
    bed.calls(19, true);
    EXPECT_TRUE(bed.breaker.closed());
    bed.now += 5s;  // within the window of those
    bed.calls(1, true);
    EXPECT_FALSE(bed.breaker.closed());
}

TEST(Breaker, opens_by_slow_calls_where_that_is_declared) {
    Bed never;
    never.calls(1000, false, 1min);
    EXPECT_TRUE(never.breaker.closed());
    Bed bed{{.slow_after = 2s}};
    bed.calls(100, false, 2s);
    EXPECT_TRUE(bed.breaker.closed());
    bed.calls(500, false, 3s);
    EXPECT_EQ(bed.breaker.state(), Breaker::State::open);
    EXPECT_TRUE(bed.breaker.reason().ends_with("calls took longer than 2s")) << bed.breaker.reason();
}

TEST(Breaker, lets_a_few_try_after_its_time_and_closes_when_they_succeed) {
    Bed bed;
    bed.calls(10, true);
    bed.now += 1s;
    const Breaker::Pass first = bed.breaker.enter(bed.now);
    const Breaker::Pass second = bed.breaker.enter(bed.now);
    const Breaker::Pass third = bed.breaker.enter(bed.now);
    EXPECT_EQ(bed.breaker.state(), Breaker::State::half_open);
    EXPECT_EQ(bed.breaker.enter(bed.now), Breaker::Pass::refused);
    // What had been sent before it opened says nothing about now.
    bed.breaker.count(Breaker::Pass::free, true, 1ms, bed.now);
    EXPECT_EQ(bed.breaker.state(), Breaker::State::half_open);
    for (const auto pass : {first, second, third}) bed.breaker.count(pass, false, 1ms, bed.now);
    EXPECT_TRUE(bed.breaker.closed());
    EXPECT_EQ(bed.breaker.reason(), "");
    for (const auto pass : {first, second, third}) bed.breaker.leave(pass);
}

TEST(Breaker, opens_for_longer_each_time_that_a_trial_fails_up_to_a_cap) {
    Bed bed{{.longest_open = 5s}};
    bed.calls(10, true);
    for (const base::Duration next : {2s, 4s, 5s, 5s}) {
        bed.now += bed.breaker.opens_in(bed.now);
        bed.calls(1, true);
        EXPECT_EQ(bed.breaker.opens_in(bed.now), next);
    }
    EXPECT_EQ(bed.breaker.times_opened(), 1U);
    EXPECT_EQ(bed.breaker.reason(), "10 failures in a row");
    bed.now += 5s;
    bed.calls(3, false);
    EXPECT_TRUE(bed.breaker.closed());
    bed.now += 1min;  // well for longer than its window: it begins anew
    bed.calls(10, true);
    EXPECT_EQ(bed.breaker.opens_in(bed.now), 1s);
}

TEST(Breaker, lets_a_trial_whose_client_left_be_made_by_another) {
    Bed bed{{.probes = 1}};
    bed.calls(10, true);
    bed.now += 1s;
    const Breaker::Pass left = bed.breaker.enter(bed.now);
    EXPECT_FALSE(bed.lets_one_through());
    bed.breaker.leave(left);
    EXPECT_TRUE(bed.lets_one_through());
}

TEST(Breaker, takes_a_new_instance_for_a_chance_and_can_be_turned_off) {
    Bed bed;
    bed.calls(10, true);
    EXPECT_FALSE(bed.lets_one_through());
    bed.breaker.give_a_chance();
    EXPECT_TRUE(bed.lets_one_through());
    Bed off{{.on = false}};
    off.calls(1000, true);
    EXPECT_TRUE(off.breaker.closed());
}

}  // namespace tl::proxy
