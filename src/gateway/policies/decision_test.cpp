// Decisions that are kept: how long, how many, and how large.
#include "gateway/policies/decision.h"

#include <gtest/gtest.h>

#include "gateway/policies/authoriser.h"

namespace tl::gateway {
namespace {

using namespace std::chrono_literals;

base::TimePoint at(int seconds) { return base::TimePoint{} + std::chrono::seconds{seconds}; }
net::Sha256 question(const std::string& text) { return net::sha256(text); }
Decision allowed(const std::string& user) {
    return {.allowed = true, .keep = true, .headers = {{"X-User", user}}, .reason = {}};
}

TEST(DecisionCache, knows_a_decision_for_its_question_until_it_ends) {
    DecisionCache cache;
    cache.add(question("a"), allowed("alice"), at(10), 100);
    ASSERT_NE(cache.find(question("a"), at(9)), nullptr);
    EXPECT_EQ(cache.find(question("a"), at(9))->headers.front().second, "alice");
    EXPECT_EQ(cache.find(question("b"), at(9)), nullptr);
    EXPECT_EQ(cache.find(question("a"), at(10)), nullptr);
    EXPECT_EQ(cache.size(), 0U);
}

TEST(DecisionCache, forgets_the_one_that_was_used_longest_ago) {
    DecisionCache cache;
    for (const char* name : {"a", "b", "c"}) cache.add(question(name), allowed(name), at(10), 3);
    ASSERT_NE(cache.find(question("a"), at(1)), nullptr);
    cache.add(question("d"), allowed("d"), at(10), 3);
    EXPECT_EQ(cache.size(), 3U);
    EXPECT_EQ(cache.find(question("b"), at(1)), nullptr);
    EXPECT_NE(cache.find(question("a"), at(1)), nullptr);
    // A manifest that keeps fewer.
    cache.add(question("e"), allowed("e"), at(10), 1);
    EXPECT_EQ(cache.size(), 1U);
}

TEST(DecisionCache, takes_the_newer_decision_and_none_that_is_too_large) {
    DecisionCache cache;
    cache.add(question("a"), allowed("alice"), at(10), 3);
    cache.add(question("a"), {.allowed = false, .keep = true, .headers = {}, .reason = {}}, at(20), 3);
    EXPECT_EQ(cache.size(), 1U);
    EXPECT_FALSE(cache.find(question("a"), at(15))->allowed);
    cache.add(question("b"), allowed(std::string(DecisionCache::kMostBytes, 'x')), at(10), 3);
    EXPECT_EQ(cache.find(question("b"), at(1)), nullptr);
}

TEST(Authoriser, texts_that_are_framed_do_not_meet) {
    std::string one;
    std::string other;
    for (const char* text : {"ab", "c", ""}) append_framed(one, text);
    for (const char* text : {"a", "bc", ""}) append_framed(other, text);
    EXPECT_NE(one, other);
    std::string forged;
    append_framed(forged, "ab1:c0:");
    EXPECT_NE(one, forged);
}

TEST(Authoriser, refuses_with_statuses_that_clients_understand) {
    const auto with = [](int status, bool somewhere) {
        std::vector<std::pair<std::string, std::string>> headers;
        if (somewhere) headers.emplace_back("location", "/in");
        return refusal_status(static_cast<uint16_t>(status), headers);
    };
    for (const int status : {400, 401, 403, 404, 429, 499}) EXPECT_EQ(with(status, false), status);
    for (const int status : {301, 302, 303, 307, 308}) {
        EXPECT_EQ(with(status, true), status);
        EXPECT_EQ(with(status, false), 0);
    }
    for (const int status : {0, 100, 199, 200, 300, 304, 305, 500, 599, 999}) EXPECT_EQ(with(status, true), 0);
}

}  // namespace
}  // namespace tl::gateway
