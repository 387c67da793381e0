// Which policy holds where, and what outlives a manifest.
#include "gateway/policies/policies.h"

#include <gtest/gtest.h>

#include "gateway/policies/keeper.h"
#include "manifest/document.h"
#include "rt/event.h"
#include "rt/loop.h"

namespace tl::gateway {
namespace {

Policies read(const std::string& yaml) {
    manifest::Document document = manifest::parse_document(yaml, "t.yaml");
    Policies policies = policies_schema().parse(document.root, document.diagnostics);
    EXPECT_EQ(document.diagnostics.to_text(), "");
    return policies;
}

// The origins of the cors policy that holds, and where it comes from.
std::string effective(const std::vector<std::string>& yaml) {
    static const std::vector<std::string> kNames{"gateway", "context", "service", "route"};
    std::vector<Policies> policies;
    for (const std::string& one : yaml) policies.push_back(read(one));
    std::vector<PolicyLevel> levels;
    for (size_t i = 0; i < policies.size(); ++i) levels.push_back({kNames[i], &policies[i]});
    const EffectivePolicies found = effective_policies(levels);
    if (!found.policies.cors) return "none";
    EXPECT_EQ(found.origins.size(), 1U);
    return found.policies.cors->origins.front() + " from " + found.origins.front().level;
}

TEST(Policies, the_nearest_place_wins_as_a_whole) {
    EXPECT_EQ(effective({"{}", "{}"}), "none");
    EXPECT_EQ(effective({"cors: https://a", "{}", "{}", "{}"}), "https://a from gateway");
    EXPECT_EQ(effective({"cors: https://a", "cors: https://b", "{}", "{}"}), "https://b from context");
    EXPECT_EQ(effective({"cors: https://a", "cors: https://b", "{}", "cors: https://d"}), "https://d from route");
}

TEST(Policies, off_takes_away_what_is_said_further_out_and_nothing_else) {
    EXPECT_EQ(effective({"cors: https://a", "off: [cors]", "{}", "{}"}), "none");
    EXPECT_EQ(effective({"cors: https://a", "off: [cors]", "cors: https://c", "{}"}), "https://c from service");
    EXPECT_EQ(effective({"cors: https://a", "{ off: [cors], cors: https://b }"}), "https://b from context");
    EXPECT_EQ(effective({"off: [cors]", "cors: https://b"}), "https://b from context");
}

TEST(Policies, a_name_that_is_none_is_refused_in_off) {
    manifest::Document document = manifest::parse_document("off: [corse]\n", "t.yaml");
    [[maybe_unused]] const Policies policies = policies_schema().parse(document.root, document.diagnostics);
    EXPECT_NE(document.diagnostics.to_text().find("t.yaml:1:7: error: "), std::string::npos);
    EXPECT_NE(document.diagnostics.to_text().find("is no policy"), std::string::npos);
}

struct Counter final : Kept {
    int number = 0;
    bool* ended = nullptr;
    rt::Task<void> run(rt::Cancel& stop) override {
        [[maybe_unused]] const rt::Wake wake = co_await rt::wait_for({base::kNever, &stop});
        if (ended != nullptr) *ended = true;
    }
};
struct Idle final : Kept {};

rt::Task<void> a_reload_and_an_end() {
    Keeper keeper;
    bool ended = false;
    auto held = keeper.keep<Counter>("counter a");
    held->number = 7;
    held->ended = &ended;
    auto idle = keeper.keep<Idle>("idle");
    keeper.settle();
    // The next manifest says the same.
    auto again = keeper.keep<Counter>("counter a");
    EXPECT_EQ(again->number, 7);
    held.reset();
    keeper.settle();
    EXPECT_FALSE(ended);
    EXPECT_EQ(keeper.keep<Idle>("idle"), idle);
    // The one after it does not.
    again.reset();
    keeper.settle();
    co_await rt::sleep(std::chrono::milliseconds{0}, nullptr);
    EXPECT_TRUE(ended);
    EXPECT_EQ(keeper.keep<Counter>("counter a")->number, 0);
    co_await keeper.stop();
}

TEST(Keeper, keeps_what_is_held_over_reloads_and_ends_what_nobody_holds) {
    rt::Loop loop;
    loop.run_until_done(a_reload_and_an_end());
}

}  // namespace
}  // namespace tl::gateway
