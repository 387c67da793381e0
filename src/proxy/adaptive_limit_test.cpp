#include "proxy/adaptive_limit.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <vector>

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
    EXPECT_LE(under_load, 120U);
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

TEST(AdaptiveLimit, never_calls_a_burst_below_its_minimum_too_many) {
    AdaptiveLimit limit;
    limit.change_range(32, 1000);
    base::TimePoint now{1h};
    Service service{1, 10ms};
    service.play(limit, now, 1, 5);
    EXPECT_GE(service.play(limit, now, 40, 30), 40U);
    EXPECT_GE(service.play(limit, now, 500, 60), 32U);
}

}  // namespace tl::proxy
