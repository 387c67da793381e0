#include "gateway/auth/token_cache.h"

#include <gtest/gtest.h>

namespace tl::gateway {
namespace {

using namespace std::chrono_literals;

proxy::IdentityPtr named(const std::string& subject) {
    auto identity = std::make_shared<proxy::Identity>();
    identity->subject = subject;
    return identity;
}
base::WallTime at(int seconds) { return base::WallTime{std::chrono::seconds{seconds}}; }

TEST(TokenCache, knows_a_token_until_it_ends) {
    TokenCache cache{{1, 2}};
    cache.add("a", named("alice"), at(100));
    ASSERT_NE(cache.find("a", at(99)), nullptr);
    EXPECT_EQ((*cache.find("a", at(99)))->subject, "alice");
    EXPECT_EQ(cache.find("b", at(99)), nullptr);
    EXPECT_EQ(cache.find("a", at(100)), nullptr);
    EXPECT_EQ(cache.size(), 0U);
}

TEST(TokenCache, forgets_the_one_that_was_used_longest_ago) {
    TokenCache cache{{1, 2}};
    for (size_t i = 0; i < TokenCache::kMost; ++i) cache.add(std::to_string(i), named("x"), at(100));
    ASSERT_NE(cache.find("0", at(1)), nullptr);
    cache.add("one more", named("x"), at(100));
    EXPECT_EQ(cache.size(), TokenCache::kMost);
    EXPECT_NE(cache.find("0", at(1)), nullptr);
    EXPECT_EQ(cache.find("1", at(1)), nullptr);
    cache.add(std::string(TokenCache::kMostToken + 1, 'x'), named("x"), at(100));
    EXPECT_EQ(cache.find(std::string(TokenCache::kMostToken + 1, 'x'), at(1)), nullptr);
}

TEST(TokenCache, takes_the_same_token_twice) {
    TokenCache cache{{1, 2}};
    cache.add("a", named("alice"), at(100));
    cache.add("a", named("alice"), at(200));
    EXPECT_EQ(cache.size(), 1U);
    EXPECT_NE(cache.find("a", at(150)), nullptr);
}

}  // namespace
}  // namespace tl::gateway
