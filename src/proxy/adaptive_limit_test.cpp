#include "proxy/adaptive_limit.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <map>
#include <vector>

#include "base/random.h"

namespace tl::proxy {

using namespace std::chrono_literals;

namespace {

// A service with so many workers, each `work` long at a request; what they cannot take waits, first come, first served.
class Service {
  public:
    Service(size_t workers, base::Duration work) : free_at_(workers), work_(work) {}

    // Plays `seconds` in which so many requests are there all the time, of which the limit lets some through.
    uint32_t play(AdaptiveLimit& limit, base::TimePoint& now, uint32_t offered, int seconds) {
        const base::TimePoint end = now + std::chrono::seconds{seconds};
        while (now < end) {
            while (sent_.size() < std::min(offered, limit.limit())) {
                const auto worker = std::ranges::min_element(free_at_);
                *worker = std::max(*worker, now) + work_;
                sent_.emplace(*worker, now);
            }
            const auto [done, began] = *sent_.begin();
            now = done;
            const auto in_flight = static_cast<uint32_t>(sent_.size());
            sent_.erase(sent_.begin());
            limit.count(done - began, in_flight, now);
            ++served;
        }
        return limit.limit();
    }
    void become(base::Duration work) { work_ = work; }
    uint64_t served = 0;

  private:
    std::vector<base::TimePoint> free_at_;
    base::Duration work_;
    std::multimap<base::TimePoint, base::TimePoint> sent_;  // when it will be done, and when it was sent
};

// A service without a queue: each answer takes what it takes, however many are in flight. `many` requests are wanted at
// a time for so many seconds; how much of the time the limit was below that.
double share_limited(AdaptiveLimit& limit, base::TimePoint& now, uint32_t many, base::Duration (*take)(base::Random&),
                     int seconds) {
    base::Random dice{7};
    std::multimap<base::TimePoint, base::TimePoint> sent;
    const base::TimePoint start = now;
    base::Duration limited{};
    while (now < start + std::chrono::seconds{seconds}) {
        while (sent.size() < std::min(many, limit.limit())) sent.emplace(now + take(dice), now);
        const auto [done, began] = *sent.begin();
        if (limit.limit() < many) limited += done - now;
        now = done;
        const auto in_flight = static_cast<uint32_t>(sent.size());
        sent.erase(sent.begin());
        limit.count(done - began, in_flight, now);
    }
    return std::chrono::duration<double>(limited).count() / seconds;
}

base::Duration exponential(base::Random& dice, base::Duration mean) {
    return base::Duration{static_cast<int64_t>(-std::log(1 - dice.unit()) * static_cast<double>(mean.count()))} + 1us;
}

}  // namespace

TEST(AdaptiveLimit, lets_everything_through_as_long_as_latency_stays) {
    AdaptiveLimit limit;
    limit.change_range(32, 1000);
    base::TimePoint now{1h};
    Service service{2000, 50ms};
    EXPECT_EQ(service.play(limit, now, 900, 20), 1000U);
}

TEST(AdaptiveLimit, shrinks_to_what_a_service_can_take_when_requests_only_queue_there) {
    AdaptiveLimit limit;
    limit.change_range(8, 1000);
    base::TimePoint now{1h};
    Service service{20, 50ms};
    service.play(limit, now, 10, 5);
    EXPECT_EQ(limit.limit(), 1000U);
    const uint64_t before = service.served;
    const uint32_t under_load = service.play(limit, now, 300, 30);
    EXPECT_GE(under_load, 20U);
    EXPECT_LE(under_load, 160U);  // 300 ms of work: what is 250 ms above the usual is not noticed
    EXPECT_GE(service.served - before, 30U * 400U * 95 / 100);  // hardly a worker idled
}

TEST(AdaptiveLimit, grows_again_when_the_load_is_over_and_the_service_answers_as_before) {
    AdaptiveLimit limit;
    limit.change_range(8, 1000);
    base::TimePoint now{1h};
    Service service{20, 50ms};
    service.play(limit, now, 10, 5);
    const uint32_t small = service.play(limit, now, 300, 30);
    Service more{2000, 50ms};
    EXPECT_GT(more.play(limit, now, 300, 30), 2 * small);
}

TEST(AdaptiveLimit, finds_that_a_service_has_become_slower_and_lets_everything_through_again) {
    AdaptiveLimit limit;
    limit.change_range(32, 1000);
    base::TimePoint now{1h};
    Service service{2000, 20ms};
    service.play(limit, now, 500, 5);
    service.become(200ms);  // however few are in flight
    EXPECT_EQ(service.play(limit, now, 500, 5), 1000U);
}

TEST(AdaptiveLimit, does_not_take_a_burst_of_answers_for_the_rate_before_a_trial) {
    // A queue whose answers come 60 and 20 at a time; the trial may begin behind either.
    for (const bool first : {true, false}) {
        AdaptiveLimit limit;
        limit.change_range(8, 2000);
        base::TimePoint now{1h};
        std::deque<base::TimePoint> sent;
        bool many = first;
        bool limited = true;
        const auto play = [&](uint32_t offered, int steps) {
            for (int step = 0; step < steps; ++step, many = !many) {
                while (sent.size() < std::min(offered, limit.limit())) sent.push_back(now);
                now += 100ms;
                for (int i = many ? 60 : 20; i > 0 && !sent.empty(); --i) {
                    const base::TimePoint began = sent.front();
                    const auto in_flight = static_cast<uint32_t>(sent.size());
                    sent.pop_front();
                    limit.count(now - began, in_flight, now);
                }
                if (step > 50) limited = limited && limit.limit() < offered;
            }
        };
        play(10, 50);
        play(400, 300);
        EXPECT_TRUE(limited) << "first " << first << ", limit " << limit.limit();
    }
}

TEST(AdaptiveLimit, never_calls_a_burst_below_its_minimum_too_many) {
    AdaptiveLimit limit;
    limit.change_range(32, 1000);
    base::TimePoint now{1h};
    Service service{1, 10ms};
    service.play(limit, now, 1, 5);
    EXPECT_GE(service.play(limit, now, 40, 30), 40U);
    EXPECT_GE(service.play(limit, now, 500, 60), 32U);
}

TEST(AdaptiveLimit, is_not_misled_by_answers_of_very_different_length) {
    AdaptiveLimit limit;
    limit.change_range(32, 4000);
    base::TimePoint now{1h};
    // Every third waits for news that may come in seconds; the others are answered at once.
    const auto mixed = [](base::Random& dice) {
        return exponential(dice, dice.next() % 3 == 0 ? base::Duration{5s} : base::Duration{10ms});
    };
    EXPECT_LT(share_limited(limit, now, 500, mixed, 120), 0.01);
}

TEST(AdaptiveLimit, is_not_misled_by_chance) {
    for (const uint32_t many : {50U, 200U, 1000U}) {
        AdaptiveLimit limit;
        limit.change_range(32, 4000);
        base::TimePoint now{1h};
        EXPECT_LT(
            share_limited(limit, now, many, [](base::Random& dice) { return exponential(dice, 300ms); }, 120), 0.02);
    }
}

TEST(AdaptiveLimit, does_not_hold_a_service_that_has_become_slow_by_itself_for_overloaded) {
    AdaptiveLimit limit;
    limit.change_range(32, 4000);
    base::TimePoint now{1h};
    share_limited(limit, now, 300, [](base::Random& dice) { return exponential(dice, 50ms); }, 20);
    // A trial, and then it is the new normal.
    EXPECT_LT(share_limited(limit, now, 300, [](base::Random& dice) { return exponential(dice, 900ms); }, 60), 0.1);
    EXPECT_EQ(limit.limit(), 4000U);
}

TEST(AdaptiveLimit, is_forgotten_with_the_burst_that_caused_it) {
    AdaptiveLimit limit;
    limit.change_range(8, 1000);
    base::TimePoint now{1h};
    Service service{20, 50ms};
    service.play(limit, now, 10, 5);
    EXPECT_LT(service.play(limit, now, 300, 10), 300U);
    now += 5s;
    Service later{20, 50ms};
    later.play(limit, now, 10, 1);
    EXPECT_EQ(limit.limit(), 1000U);
}

// One core of several before a service, by clients that leave after three seconds; who finds no place waits half a
// second for one.
struct Core {
    struct Request {
        base::TimePoint came;
        base::TimePoint sent;
    };
    AdaptiveLimit limit;
    std::multimap<base::TimePoint, Request> sent;  // by when they will be done
    std::deque<base::TimePoint> line;

    // Answers that come until `now` in time.
    uint32_t take_answers(base::TimePoint now) {
        for (auto one = sent.begin(); one != sent.end();) {
            const bool leaves = now - one->second.came >= 3s;
            if (leaves) limit.count_left(now - one->second.sent, static_cast<uint32_t>(sent.size()), now);
            one = leaves ? sent.erase(one) : std::next(one);
        }
        uint32_t useful = 0;
        for (; !sent.empty() && sent.begin()->first <= now; sent.erase(sent.begin())) {
            const auto& [done, request] = *sent.begin();
            limit.count(done - request.sent, static_cast<uint32_t>(sent.size()), done);
            ++useful;
        }
        return useful;
    }
    void send(base::TimePoint now, std::vector<base::TimePoint>& workers, base::Duration work) {
        while (!line.empty() &&
               now - line.front() > std::max<base::Duration>(500ms, limit.trial_ends() - line.front())) {
            line.pop_front();
        }
        for (; !line.empty() && sent.size() < limit.limit(); line.pop_front()) {
            const auto worker = std::ranges::min_element(workers);
            *worker = std::max(*worker, now) + work;
            sent.emplace(*worker, Request{line.front(), now});
        }
    }
};

// What the cores get of a service that they share: for ten seconds as usual, then for a minute.
struct Told {
    uint64_t offered = 0;
    uint64_t answered = 0;
};

Told play_cores(size_t cores, uint64_t seed, size_t workers, double usual_rate, double then_rate,
                base::Duration then_work) {
    base::Random dice{seed};
    const auto trial = std::make_shared<SharedTrial>();
    std::vector<Core> all(cores, Core{AdaptiveLimit{trial}, {}, {}});
    for (Core& core : all) core.limit.change_range(32, 4096);
    std::vector<base::TimePoint> free_at(workers);
    Told told;
    for (base::TimePoint now{1h}; now < base::TimePoint{1h} + 70s; now += 1ms) {
        const bool usual = now < base::TimePoint{1h} + 10s;
        for (Core& core : all) {
            const uint32_t answers = core.take_answers(now);
            const bool comes = dice.unit() < (usual ? usual_rate : then_rate);
            if (comes) core.line.push_back(now);
            core.send(now, free_at, usual ? 50ms : then_work);
            if (usual) continue;
            told.answered += answers;
            if (comes) ++told.offered;
        }
    }
    return told;
}

TEST(AdaptiveLimit, keeps_the_answers_useful_at_twice_the_capacity) {
    for (const size_t cores : {1, 2, 4}) {
        for (uint64_t seed = 1; seed <= 20; ++seed) {
            const Told told = play_cores(cores, seed, 5 * cores, 0.05, 0.2, 50ms);
            EXPECT_GE(told.answered, told.offered / 2 * 9 / 10) << cores << " cores, seed " << seed;
        }
    }
}

TEST(AdaptiveLimit, turns_hardly_a_request_away_where_all_cores_find_a_service_slow) {
    for (const size_t cores : {1, 2, 4}) {
        for (uint64_t seed = 1; seed <= 5; ++seed) {
            const Told told = play_cores(cores, seed, 4000, 0.3, 0.3, 900ms);
            EXPECT_GE(told.answered, told.offered * 95 / 100) << cores << " cores, seed " << seed;
        }
    }
}

}  // namespace tl::proxy
