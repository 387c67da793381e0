#include "telemetry/metrics.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"
#include "telemetry/test_support.h"

namespace tl::telemetry {

using namespace std::chrono_literals;

TEST(Histogram, fine_buckets_follow_each_other_without_a_gap) {
    for (size_t i = 1; i + 1 < Histogram::kFine; ++i) {
        const uint64_t lower = Histogram::fine_lower(i);
        const uint64_t upper = Histogram::fine_lower(i + 1);
        EXPECT_EQ(Histogram::fine_index(lower), i);
        EXPECT_EQ(Histogram::fine_index(upper - 1), i);
        EXPECT_LE(static_cast<double>(upper - lower), 0.125 * static_cast<double>(lower));
    }
    EXPECT_EQ(Histogram::fine_index(0), 0U);
    EXPECT_EQ(Histogram::fine_index(~0ULL), Histogram::kFine - 1);
}

TEST(Histogram, exposed_buckets_include_their_bound_and_nothing_above) {
    for (size_t i = 0; i < Histogram::kBounds.size(); ++i) {
        Histogram histogram;
        const auto bound = static_cast<int64_t>(Histogram::kBounds[i]);
        histogram.add(base::Duration{bound - 1});
        histogram.add(base::Duration{bound});
        histogram.add(base::Duration{bound + 1});
        EXPECT_EQ(histogram.coarse()[i], 2U) << bound;
        EXPECT_EQ(histogram.coarse()[i + 1], 1U) << bound;
    }
}

TEST(Histogram, exposed_buckets_agree_with_counting_by_hand) {
    base::Random random{11};
    Histogram histogram;
    std::array<uint64_t, Histogram::kBounds.size() + 1> expected{};
    for (int i = 0; i < 20'000; ++i) {
        const auto ns = static_cast<uint64_t>(std::exp(random.unit() * 27));  // 1 ns to 9 minutes
        histogram.add(base::Duration{static_cast<int64_t>(ns)});
        ++expected[static_cast<size_t>(std::ranges::lower_bound(Histogram::kBounds, ns) - Histogram::kBounds.begin())];
    }
    EXPECT_EQ(histogram.coarse(), expected);
}

TEST(Histogram, quantiles_keep_the_promised_error) {
    base::Random random{5};
    Histogram histogram;
    std::vector<int64_t> values;
    for (int i = 0; i < 10'000; ++i) {
        values.push_back(static_cast<int64_t>(std::exp(10 + random.unit() * 12)));  // 22 us to 3.6 s
        histogram.add(base::Duration{values.back()});
    }
    std::ranges::sort(values);
    for (const double q : {0.01, 0.5, 0.9, 0.99, 1.0}) {
        const auto exact = static_cast<double>(values[static_cast<size_t>(std::ceil(q * 10'000)) - 1]);
        const auto given = static_cast<double>(quantile(histogram, q).count());
        EXPECT_NEAR(given / exact, 1.0, 0.125) << q;
    }
}

TEST(Histogram, quantiles_of_nothing_and_of_the_ends) {
    Histogram histogram;
    EXPECT_EQ(quantile(histogram, 0.5), 0ns);
    histogram.add(-5ns);
    EXPECT_LT(quantile(histogram, 0.5), 8192ns);
    Histogram slow;
    slow.add(1h);
    EXPECT_EQ(quantile(slow, 0.99).count(), 1LL << Histogram::kHighest);
}

TEST(Histogram, the_difference_of_two_copies_is_what_came_between) {
    Histogram histogram;
    histogram.add(1ms);
    const Histogram before = histogram;
    histogram.add(1s);
    const Histogram between = histogram.since(before);
    EXPECT_EQ(between.count(), 1U);
    EXPECT_EQ(between.sum_ns(), 1'000'000'000U);
    EXPECT_GT(quantile(between, 0.01), 800ms);
}

TEST(SeriesTable, the_same_series_keeps_its_number_and_the_cap_holds) {
    SeriesTable table(3);
    const SeriesId a = table.add(Door::gateway, "r", "s");
    EXPECT_EQ(table.add(Door::gateway, "r", "s"), a);
    EXPECT_NE(table.add(Door::sidecar, "r", "s"), a);
    EXPECT_EQ(table.add(Door::gateway, "r2", "s"), kOtherSeries);
    EXPECT_EQ(table.add(Door::gateway, "r", "s"), a);
    EXPECT_EQ(table.series(), 3U);
    EXPECT_EQ(table.overflowed(), 1U);
    const PoolId pool = table.add_pool("s");
    EXPECT_EQ(table.add_pool("s"), pool);
    (void)table.add_pool("t");
    EXPECT_EQ(table.add_pool("u"), kOtherPool);
}

TEST(CoreMetrics, counts_by_class_and_sends_unknown_series_to_other) {
    CoreMetrics metrics;
    metrics.reserve(2, 2);
    metrics.count(1, 204, 3ms, 10, 20);
    metrics.count(1, 503, 3ms, 0, 0);
    metrics.count(7, 200, 3ms, 0, 0);  // not reserved
    metrics.count(1, 0, 3ms, 0, 0);
    metrics.count(1, 999, 3ms, 0, 0);
    const MetricsData data = metrics.copy();
    EXPECT_EQ(data.series[1].by_class, (std::array<uint64_t, kStatusClasses>{2, 0, 1, 0, 0, 1}));
    EXPECT_EQ(data.series[1].bytes_in, 10U);
    EXPECT_EQ(data.series[1].bytes_out, 20U);
    EXPECT_EQ(data.series[1].duration.count(), 4U);
    EXPECT_EQ(data.series[kOtherSeries].requests(), 1U);
}

TEST(CoreMetrics, counts_all_that_a_record_says) {
    CoreMetrics metrics;
    Record record = test::hop(1, 0, 0, 30);
    record.add_attempt(2, 0ms, 1ms, 1);
    record.add_attempt(3, 1ms, 1ms, 0);
    record.cause = 200;
    metrics.count(0, record);
    record.set(Record::kUpgraded);
    record.cause = 0;
    metrics.count(0, record);
    const MetricsData data = metrics.copy();
    EXPECT_EQ(data.series[0].requests(), 2U);
    EXPECT_EQ(data.series[0].retries, 2U);
    EXPECT_EQ(data.series[0].duration.count(), 1U) << "the tunnel's duration is not a request's";
    EXPECT_EQ(data.causes[kMostCauses - 1], 1U);
    EXPECT_EQ(data.causes[0], 0U);
}

TEST(CoreMetrics, a_pool_keeps_its_cell_when_the_table_grows) {
    CoreMetrics metrics;
    metrics.reserve(1, 2);
    PoolCell& cell = metrics.pool(1);
    metrics.reserve(500, 500);
    ++cell.opened;
    EXPECT_EQ(metrics.copy().pools[1].opened, 1U);
    ++metrics.pool(9999).failed;
    EXPECT_EQ(metrics.copy().pools[kOtherPool].failed, 1U);
}

TEST(MetricsData, cores_of_different_size_are_added_up) {
    CoreMetrics a, b;
    b.reserve(3, 3);
    a.count(0, 200, 1ms, 1, 1);
    b.count(0, 200, 1ms, 1, 1);
    b.count(2, 500, 1ms, 1, 1);
    b.pool(2).idle = 4;
    a.door(Door::sidecar).in_flight = 2;
    b.door(Door::sidecar).in_flight = 3;
    MetricsData sum;
    sum.merge(a.copy());
    sum.merge(b.copy());
    EXPECT_EQ(sum.series[0].requests(), 2U);
    EXPECT_EQ(sum.series[2].by_class[5], 1U);
    EXPECT_EQ(sum.pools[2].idle, 4);
    EXPECT_EQ(sum.doors[1].in_flight, 5);
}

}  // namespace tl::telemetry
