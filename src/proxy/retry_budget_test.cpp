#include "proxy/retry_budget.h"

#include <gtest/gtest.h>

namespace tl::proxy {

using namespace std::chrono_literals;

namespace {

int taken(RetryBudget& budget, base::TimePoint now, const RetryBudgetRule& rule) {
    int count = 0;
    while (count < 10'000 && budget.take(now, rule)) ++count;
    return count;
}

}  // namespace

TEST(RetryBudget, is_a_share_of_the_requests_of_the_last_ten_seconds) {
    RetryBudget budget;
    const base::TimePoint now{1h};
    for (int i = 0; i < 1000; ++i) budget.count_request(now);
    EXPECT_EQ(taken(budget, now, {}), 200);
    for (int i = 0; i < 10; ++i) budget.count_request(now + 1s);
    EXPECT_EQ(taken(budget, now + 1s, {}), 2);
    EXPECT_EQ(taken(budget, now + 5s, {}), 0);
}

TEST(RetryBudget, forgets_requests_and_retries_alike) {
    RetryBudget budget;
    for (int i = 0; i < 1000; ++i) budget.count_request(base::TimePoint{1h});
    EXPECT_EQ(taken(budget, base::TimePoint{1h} + 11s, {}), 30);  // only the minimum is left
    EXPECT_EQ(taken(budget, base::TimePoint{1h} + 22s, {}), 30);
}

TEST(RetryBudget, allows_a_few_where_there_are_hardly_any_requests_and_the_sum_is_never_both) {
    RetryBudget budget;
    const base::TimePoint now{1h};
    budget.count_request(now);
    EXPECT_EQ(taken(budget, now, {.share = 0.2, .least = 3}), 30);
    RetryBudget busy;
    for (int i = 0; i < 1000; ++i) busy.count_request(now);
    EXPECT_EQ(taken(busy, now, {.share = 0.2, .least = 3}), 200);
}

TEST(RetryBudget, of_nothing_allows_nothing) {
    RetryBudget budget;
    for (int i = 0; i < 1000; ++i) budget.count_request(base::TimePoint{1h});
    EXPECT_EQ(taken(budget, base::TimePoint{1h}, {.share = 0, .least = 3}), 0);
}

TEST(RetryBudget, never_lets_a_steady_load_grow_beyond_its_share) {
    RetryBudget budget;
    base::TimePoint now{1h};
    int requests = 0;
    int retries = 0;
    for (int i = 0; i < 60'000; ++i) {  // a minute, a thousand a second, each wanting two retries
        now += 1ms;
        ++requests;
        budget.count_request(now);
        for (int wanted = 0; wanted < 2; ++wanted) retries += budget.take(now, {}) ? 1 : 0;
    }
    EXPECT_LE(retries, requests / 5 + 30);
    EXPECT_GE(retries, requests / 6);
}

TEST(RetryBudgets, are_one_for_each_caller) {
    RetryBudgets budgets;
    const base::TimePoint now{1h};
    for (int i = 0; i < 1000; ++i) budgets.of(7).count_request(now);
    EXPECT_EQ(taken(budgets.of(8), now, {}), 30);
    EXPECT_EQ(taken(budgets.of(7), now, {}), 200);
    EXPECT_EQ(taken(budgets.of(7), now, {}), 0);
}

}  // namespace tl::proxy
