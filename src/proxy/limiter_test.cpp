#include "proxy/limiter.h"

#include <gtest/gtest.h>

#include <string>

#include "rt/gate.h"
#include "rt/loop.h"

namespace tl::proxy {

using namespace std::chrono_literals;

namespace {

// A limiter and those who want to enter; what becomes of them is written down in order.
struct Bed {
    explicit Bed(ConcurrencyRule rule = {.requests = 1, .adaptive = false, .queue = 2, .queue_for = 100ms}) {
        limiter.change_rule(rule, 1);
    }
    using Story = rt::Task<void> (*)(Bed&);
    void run(Story story) { loop.run_until_done(story(*this)); }
    void come(const char* who, Importance importance = Importance::normal, rt::Wait wait = {}) {
        gate.spawn("one who comes", enter(who, importance, wait));
    }
    rt::Task<void> enter(std::string who, Importance importance, rt::Wait wait) {
        Limiter::Entry entry = Limiter::Entry::admitted;
        if (!limiter.try_enter()) entry = co_await limiter.enter(importance, wait);
        constexpr const char* kWords[] = {"in", "full", "late", "deadline", "cancelled"};
        told += who + " " + kWords[static_cast<size_t>(entry)] + "; ";
    }
    rt::Loop loop;
    Limiter limiter;
    rt::Gate gate;
    std::string told;
};

}  // namespace

TEST(Limiter, lets_those_who_wait_go_in_turn_the_important_first) {
    Bed bed{{.requests = 1, .adaptive = false, .queue = 10, .queue_for = 10s}};
    bed.run([](Bed& b) -> rt::Task<void> {
        b.come("a");
        b.come("low", Importance::low);
        b.come("b");
        b.come("c");
        b.come("high", Importance::high);
        EXPECT_EQ(b.limiter.waiting(), 4U);
        for (int i = 0; i < 4; ++i) {
            b.limiter.leave();
            EXPECT_EQ(b.limiter.in_flight(), 1U);
            co_await rt::yield();
        }
        b.limiter.leave();
        co_await b.gate.closed();
        EXPECT_EQ(b.told, "a in; high in; b in; c in; low in; ");
        EXPECT_EQ(b.limiter.in_flight(), 0U);
        EXPECT_EQ(b.limiter.waiting(), 0U);
    });
}

TEST(Limiter, turns_away_what_is_too_much_and_the_unimportant_for_the_important) {
    Bed bed;
    bed.run([](Bed& b) -> rt::Task<void> {
        b.come("a");
        b.come("low", Importance::low);
        b.come("b");
        b.come("too many");
        co_await rt::yield();
        EXPECT_EQ(b.told, "a in; low full; ");
        b.come("c");
        b.come("high", Importance::high);
        co_await rt::yield();
        EXPECT_EQ(b.told, "a in; low full; c full; too many full; ");
        b.limiter.leave();
        co_await rt::yield();
        b.limiter.leave();
        co_await b.gate.closed();
        EXPECT_EQ(b.told, "a in; low full; c full; too many full; high in; b in; ");
        EXPECT_EQ(b.limiter.turned_away(), 3U);
    });
}

TEST(Limiter, lets_nobody_wait_longer_than_declared_or_than_its_deadline) {
    Bed bed;
    bed.run([](Bed& b) -> rt::Task<void> {
        rt::Cancel left;
        b.come("a");
        b.come("b");
        b.come("c", Importance::high, b.loop.within(10ms));
        co_await rt::sleep(20ms);
        EXPECT_EQ(b.told, "a in; c deadline; ");
        b.come("gone", Importance::normal, {base::kNever, &left});
        left.request();
        co_await b.gate.closed();
        EXPECT_EQ(b.told, "a in; c deadline; gone cancelled; b late; ");
        EXPECT_EQ(b.limiter.waiting(), 0U);
        EXPECT_EQ(b.limiter.in_flight(), 1U);
    });
}

TEST(Limiter, gives_no_place_to_one_whose_time_has_just_passed) {
    Bed bed;
    bed.run([](Bed& b) -> rt::Task<void> {
        rt::Cancel left;
        b.come("a");
        b.come("gone", Importance::normal, {base::kNever, &left});
        b.come("b");
        left.request();     // wakes it, but it has not resumed when ...
        b.limiter.leave();  // ... the place becomes free
        co_await rt::yield();
        EXPECT_EQ(b.told, "a in; gone cancelled; b in; ");
        EXPECT_EQ(b.limiter.in_flight(), 1U);
        co_await b.gate.closed();
    });
}

TEST(Limiter, lets_more_in_when_the_limit_is_raised) {
    Bed bed;
    bed.run([](Bed& b) -> rt::Task<void> {
        b.come("a");
        b.come("b");
        b.come("c");
        b.limiter.change_rule({.requests = 9, .instance = 2, .adaptive = false}, 1);
        EXPECT_EQ(b.limiter.limit(), 2U);
        b.limiter.change_rule({.requests = 9, .instance = 2, .adaptive = false}, 2);
        EXPECT_EQ(b.limiter.limit(), 4U);
        co_await b.gate.closed();
        EXPECT_EQ(b.told, "a in; b in; c in; ");
    });
}

// What latency says of a service with a queue: so many in flight, each slower the more there are.
void overload(Limiter& limiter, uint32_t in_flight) {
    base::TimePoint now{1h};
    for (uint32_t i = 0; i < in_flight; ++i) EXPECT_TRUE(limiter.try_enter());
    for (int i = 0; i < 2000; ++i) limiter.count_answer(i < 200 ? 10ms : 800ms, now += 5ms);
}

TEST(Limiter, does_not_count_clients_that_send_slowly_for_the_limit_that_latency_sets) {
    Bed bed{{.requests = 1000, .adaptive = true, .queue = 10, .queue_for = 10s}};
    overload(bed.limiter, 200);
    const uint32_t limit = bed.limiter.limit();
    EXPECT_LT(limit, 200U);
    EXPECT_FALSE(bed.limiter.try_enter());
    for (uint32_t i = 0; i <= 200 - limit; ++i) bed.limiter.begin_upload();
    EXPECT_TRUE(bed.limiter.try_enter());
    for (uint32_t i = 0; i <= 200 - limit; ++i) bed.limiter.end_upload();
    EXPECT_FALSE(bed.limiter.try_enter());
}

TEST(Limiter, gives_the_place_of_one_that_still_sends_to_the_next_in_line) {
    Bed bed{{.requests = 1000, .adaptive = true, .queue = 10, .queue_for = 10s}};
    overload(bed.limiter, 200);
    bed.run([](Bed& b) -> rt::Task<void> {
        b.come("a");
        co_await rt::yield();
        EXPECT_EQ(b.limiter.waiting(), 1U);
        for (int i = 0; i < 199; ++i) b.limiter.begin_upload();
        co_await b.gate.closed();
        EXPECT_EQ(b.told, "a in; ");
    });
}

}  // namespace tl::proxy
