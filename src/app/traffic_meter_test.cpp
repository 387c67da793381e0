#include "app/traffic_meter.h"

#include <gtest/gtest.h>

namespace tl::app {

using namespace std::chrono_literals;

TEST(TrafficMeter, tells_the_rate_of_the_last_moments_and_the_sum_of_all) {
    TrafficMeter meter;
    const auto all = [](telemetry::SeriesId) { return true; };
    EXPECT_EQ(meter.window(all).total, 0U);
    telemetry::CoreMetrics core;
    core.reserve(2, 1);
    base::TimePoint now;
    for (int i = 0; i < 6; ++i) {
        for (int k = 0; k < i; ++k) core.count(1, 200, 1ms, 10, 20);
        meter.add(now, core.copy());
        now += TrafficMeter::kEvery;
    }
    // Moments 2 to 5 are kept: 3 + 4 + 5 requests fell between them, 15 in all.
    const TrafficMeter::Window window = meter.window(all);
    EXPECT_DOUBLE_EQ(window.seconds, 9.0);
    EXPECT_EQ(window.sum.requests(), 12U);
    EXPECT_EQ(window.sum.bytes_out, 240U);
    EXPECT_EQ(window.total, 15U);
    EXPECT_EQ(meter.window([](telemetry::SeriesId id) { return id == 0; }).total, 0U);
}

}  // namespace tl::app
