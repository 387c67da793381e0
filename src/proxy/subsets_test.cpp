// Which instances a request may go to: versions, zones with their spill-over, what starts slowly, who has a cookie.
#include "proxy/subsets.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>

#include "proxy/upstream.h"
#include "rt/loop.h"

namespace tl::proxy {

using namespace std::chrono_literals;

namespace {

// An upstream with endpoints that nobody connects to.
class Stand {
  public:
    explicit Stand(const BalanceRule& rule = {}) { upstream.change_rule({.pool = {}, .balance = rule}); }

    void use(std::vector<Endpoint> endpoints, std::vector<Endpoint> unwell = {}, std::string reason = {}) {
        auto set = std::make_shared<EndpointSet>();
        set->revision = ++revision_;
        set->endpoints = std::move(endpoints);
        set->unwell = std::move(unwell);
        set->reason = std::move(reason);
        for (Endpoint& one : set->endpoints) one.address = net::Address::loopback(1000);
        upstream.apply(set, now);
    }
    std::map<std::string, int> ask(const Selector& where, int count, std::span<const uint64_t> tried = {}) {
        std::map<std::string, int> got;
        for (int i = 0; i < count; ++i) {
            const Instance* const one = upstream.pick(where, {.random = random, .now = now, .tried = tried});
            ++got[one == nullptr ? "nobody" : one->id];
        }
        return got;
    }
    Instance* instance(const std::string& id) {
        for (int i = 0; i < 1000; ++i) {
            Instance* const one = upstream.pick({}, {.random = random, .now = now});
            if (one->id == id) return one;
        }
        return nullptr;
    }

    rt::Loop loop;
    telemetry::NameTable names;
    telemetry::PoolCell cell;
    Upstream upstream{"orders", names, cell};
    base::Random random{7};
    base::TimePoint now{1h};

  private:
    uint64_t revision_ = 0;
};

}  // namespace

TEST(Subsets, a_version_gets_its_requests_only_on_its_own_instances) {
    Stand stand;
    stand.use({{.id = "a", .version = "v1"}, {.id = "b", .version = "v1"}, {.id = "c", .version = "v2"}});
    EXPECT_EQ(stand.ask({.version = stand.names.intern("v2")}, 50)["c"], 50);
    EXPECT_EQ(stand.ask({.version = stand.names.intern("v1")}, 50)["c"], 0);
    EXPECT_EQ(stand.ask({.version = stand.names.intern("v3")}, 5)["nobody"], 5);
    EXPECT_TRUE(stand.upstream.has(stand.names.intern("v1")));
    EXPECT_FALSE(stand.upstream.has(stand.names.intern("v3")));
    stand.use({{.id = "a", .version = "v1"}});  // only one version is left
    EXPECT_EQ(stand.ask({.version = stand.names.intern("v1")}, 5)["a"], 5);
    EXPECT_EQ(stand.ask({.version = stand.names.intern("v2")}, 5)["nobody"], 5);
}

TEST(Subsets, callers_stay_in_their_zone_as_long_as_it_can_carry_them) {
    Stand stand;
    const Selector east{.zone = stand.names.intern("east")};
    const Endpoint e1{.id = "e1", .zone = "east"};
    const Endpoint e2{.id = "e2", .zone = "east"};
    const Endpoint w1{.id = "w1", .zone = "west"};
    stand.use({e1, e2, w1});
    EXPECT_EQ(stand.ask(east, 1000)["w1"], 0);
    EXPECT_GT(stand.ask({}, 1000)["w1"], 200);  // a caller without a zone has no preference
    EXPECT_GT(stand.ask({.zone = stand.names.intern("north")}, 1000)["w1"], 200);  // nor one whose zone has none
    // Half of it is unwell: it takes 70 %, the rest goes elsewhere.
    stand.use({e1, w1}, {e2});
    EXPECT_NEAR(stand.ask(east, 10'000)["w1"], 3000, 200);
    stand.use({w1}, {e1, e2});
    EXPECT_EQ(stand.ask(east, 1000)["w1"], 1000);
    stand.use({e1, e2, w1});
    EXPECT_EQ(stand.ask(east, 1000)["w1"], 0);  // and back
}

TEST(Subsets, a_zone_whose_instances_are_ejected_or_tried_spills_over) {
    Stand stand;
    stand.use({{.id = "e1", .zone = "east"}, {.id = "w1", .zone = "west"}});
    const Selector east{.zone = stand.names.intern("east")};
    Instance* const e1 = stand.instance("e1");
    const uint64_t tried = e1->serial;
    EXPECT_EQ(stand.ask(east, 10, {&tried, 1})["w1"], 10);
    e1->ejected_until = stand.now + 1s;
    EXPECT_EQ(stand.ask(east, 10)["w1"], 10);
    stand.instance("w1")->ejected_until = stand.now + 1s;
    EXPECT_EQ(stand.ask(east, 10)["e1"], 10);  // better one that is ejected than none
}

TEST(Subsets, in_panic_nobody_prefers_a_zone_that_may_be_dead) {
    Stand stand;
    stand.use({{.id = "e1", .zone = "east"}, {.id = "w1", .zone = "west"}}, {}, "panic: only 1 of 2 is healthy");
    EXPECT_NEAR(stand.ask({.zone = stand.names.intern("east")}, 1000)["w1"], 500, 100);
}

TEST(Subsets, zones_may_be_ignored) {
    Stand stand{{.prefer_zone = false}};
    stand.use({{.id = "e1", .zone = "east"}, {.id = "w1", .zone = "west"}});
    EXPECT_NEAR(stand.ask({.zone = stand.names.intern("east")}, 1000)["w1"], 500, 100);
}

TEST(SlowStart, a_new_instance_gets_its_share_bit_by_bit_and_the_first_ones_all_of_it) {
    for (const Policy policy : {Policy::least_request, Policy::round_robin, Policy::peak_ewma}) {
        Stand stand{{.policy = policy, .slow_start = 10s}};
        stand.use({{.id = "a"}, {.id = "b"}});
        EXPECT_NEAR(stand.ask({}, 1000)["b"], 500, 100);
        stand.use({{.id = "a"}, {.id = "b"}, {.id = "c"}});
        const double at_first = stand.ask({}, 10'000)["c"];
        EXPECT_NEAR(at_first, 10'000 * 0.1 / 2.1, 120);  // a tenth of its share
        stand.now += 5s;
        stand.upstream.sweep(stand.now);
        EXPECT_NEAR(stand.ask({}, 10'000)["c"], 10'000 * 0.5 / 2.5, 250);
        stand.now += 5s;
        stand.upstream.sweep(stand.now);
        EXPECT_NEAR(stand.ask({}, 10'000)["c"], 3333, 300);
    }
}

TEST(Sticky, the_token_of_an_instance_tells_nothing_without_the_secret) {
    const base::HashKey secret{1, 2};
    Stand stand{{.sticky = StickyRule{.cookie = "c", .secret = secret}}};
    stand.use({{.id = "orders@10.0.0.5:9000"}});
    Instance* const one = stand.instance("orders@10.0.0.5:9000");
    EXPECT_EQ(one->token, base::hash(one->id, secret));
    EXPECT_NE(one->token, base::hash(one->id));
    EXPECT_EQ(stand.upstream.find_token(one->token), one);
    EXPECT_EQ(stand.upstream.find_token(one->token + 1), nullptr);
}

}  // namespace tl::proxy
