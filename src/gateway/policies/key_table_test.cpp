// The table that all cores count in: exact under threads, bounded, and not to be emptied by whoever invents keys.
#include "gateway/policies/key_table.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "base/hash.h"
#include "base/random.h"
#include "gateway/policies/rates.h"

namespace tl::gateway {
namespace {

constexpr uint64_t kLong = 1'000'000'000'000;

// Whether one more request of the key is let through.
bool ask(KeyTable& table, uint64_t key, uint64_t interval, uint64_t burst, uint64_t now) {
    Gcra rule{interval, burst, now};
    table.update(key, rule);
    return rule.answer.allowed;
}

uint64_t some_key(uint64_t i) { return base::mix(i + 1) | 1; }

TEST(KeyTable, keys_do_not_count_together) {
    KeyTable table{1024};
    for (uint64_t i = 0; i < 300; ++i) EXPECT_TRUE(ask(table, some_key(i), kLong, 1, 1)) << i;
    for (uint64_t i = 0; i < 300; ++i) EXPECT_FALSE(ask(table, some_key(i), kLong, 1, 1)) << i;
}

TEST(KeyTable, an_attacker_who_invents_keys_lifts_nobodys_limit) {
    KeyTable table{256};
    const uint64_t victim = some_key(1'000'000);
    EXPECT_TRUE(ask(table, victim, kLong, 1, 1));
    uint64_t let_through = 0;
    for (uint64_t i = 0; i < 100'000; ++i) let_through += ask(table, some_key(i), kLong, 1, 1) ? 1 : 0;
    EXPECT_FALSE(ask(table, victim, kLong, 1, 1)) << "still counted";
    // All together: what the cells hold, and a spare one a set.
    EXPECT_LE(let_through, table.capacity() + table.capacity() / KeyTable::kWays);
    size_t held = 0;
    table.for_each([&](uint64_t /*key*/, uint64_t /*state*/) { ++held; });
    EXPECT_LE(held, table.capacity());
}

TEST(KeyTable, cells_of_those_who_have_rested_go_to_others) {
    KeyTable table{64};
    for (uint64_t i = 0; i < 1000; ++i) EXPECT_TRUE(ask(table, some_key(i), 10, 1, 1 + i * 20)) << i;
}

// Many threads on few keys: as many as the burst get through, not one more or less.
TEST(KeyTable, is_exact_over_threads) {
    constexpr int kThreads = 4;
    constexpr uint64_t kKeys = 8;
    constexpr uint64_t kBurst = 5000;
    KeyTable table{64};
    std::atomic<uint64_t> allowed[kKeys] = {};
    std::vector<std::jthread> threads;
    for (int t = 0; t < kThreads; ++t) {
        threads.emplace_back([&] {
            for (uint64_t i = 0; i < kBurst * 2; ++i) {
                for (uint64_t k = 0; k < kKeys; ++k) allowed[k] += ask(table, some_key(k), kLong, kBurst, 1) ? 1 : 0;
            }
        });
    }
    threads.clear();
    for (const auto& one : allowed) EXPECT_EQ(one, kBurst);
}

// Counts that go up and down, with more keys than cells, so that cells change hands all the time.
struct Places {
    uint64_t most;
    bool got = false;
    [[nodiscard]] bool idle(uint64_t state) const { return state == 0; }
    [[nodiscard]] std::optional<uint64_t> step(uint64_t state) {
        got = state < most;
        return got ? std::optional{state + 1} : std::nullopt;
    }
    [[nodiscard]] uint64_t undo(uint64_t state) const { return state - 1; }
};

TEST(KeyTable, cells_that_change_hands_lose_no_count) {
    constexpr uint64_t kKeys = 200;
    KeyTable table{16};
    std::atomic<int> in_flight[kKeys] = {};
    std::atomic<int> too_many{0};
    std::atomic<int> got{0};
    std::vector<std::jthread> threads;
    for (uint64_t t = 0; t < 4; ++t) {
        threads.emplace_back([&, t] {
            base::Random dice{t};
            for (int i = 0; i < 30'000; ++i) {
                const uint64_t k = dice.below(kKeys);
                Places rule{.most = 1};
                const auto place = table.update(some_key(k), rule);
                if (!rule.got) continue;
                ++got;
                // The spare cell is shared with others, and one in flight of all of these.
                if (!place.shared && in_flight[k].fetch_add(1) > 0) ++too_many;
                if (i % 64 == 0) std::this_thread::yield();
                if (!place.shared) in_flight[k].fetch_sub(1);
                KeyTable::take_back(place.cell->state, Places{.most = 1});
            }
        });
    }
    threads.clear();
    EXPECT_EQ(too_many, 0);
    EXPECT_GT(got, 1000);
    table.for_each([](uint64_t /*key*/, uint64_t state) { EXPECT_EQ(state, 0U) << "a place was not given back"; });
}

}  // namespace
}  // namespace tl::gateway
