#include "supervisor/plan.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "manifest/document.h"
#include "net/listener.h"
#include "supervisor/backoff.h"
#include "supervisor/call_order.h"
#include "supervisor/ports.h"

namespace tl::supervisor {

using namespace std::chrono_literals;

namespace {

ServiceSpec service(std::string name, std::vector<std::string> calls = {}) {
    ServiceSpec spec{.name = std::move(name), .calls = std::move(calls), .folder = "/app"};
    spec.run.run = "serve";
    return spec;
}

std::string said(const std::vector<ServiceSpec>& now, const std::vector<ServiceSpec>& next) {
    std::string text;
    for (const Step& step : plan(now, next)) {
        text +=
            step.service + " " + std::string{to_string(step.action)} + (step.why.empty() ? "" : ": " + step.why) + "\n";
    }
    return text;
}

RunConfig read(std::string_view yaml, std::string& complaints) {
    manifest::Document document = manifest::parse_document(yaml, "t.yaml");
    RunConfig config = run_schema().parse(document.root, document.diagnostics);
    complaints = document.diagnostics.to_text();
    return config;
}

}  // namespace

TEST(Config, a_whole_service_is_read_from_yaml) {
    std::string complaints;
    const RunConfig config = read(
        "run: node a.js\nenv: { PORT_NAME: 8080, EMPTY: \"\" }\nreplicas: 3\ngrace: 2s\nversion: 2\n"
        "limits: { cpu: 0.5, memory: 256MB }\nrestart: { first: 1s, most: 9s }\n",
        complaints);
    EXPECT_EQ(complaints, "");
    EXPECT_EQ(*config.run, "node a.js");
    EXPECT_EQ(*config.env.find("PORT_NAME"), "8080");
    EXPECT_EQ(config.replicas, 3U);
    EXPECT_EQ(config.version, "2");
    EXPECT_EQ(*config.limits.memory, 256U << 20);
    EXPECT_EQ(config.restart.most, 9s);
}

TEST(Config, what_cannot_be_is_refused_at_its_place) {
    std::string complaints;
    (void)read("run: x\nreplicas: 65\nenv: { A-B: 1 }\nrestart: { first: 10s, most: 1s }\n", complaints);
    EXPECT_NE(complaints.find("t.yaml:2:11: error: replicas"), std::string::npos) << complaints;
    EXPECT_NE(complaints.find("may hold letters, digits and _ only"), std::string::npos) << complaints;
    EXPECT_NE(complaints.find("\"first\" is longer than \"most\""), std::string::npos) << complaints;
}

TEST(Plan, each_kind_of_change_has_its_action_and_reason) {
    std::vector<ServiceSpec> now{service("same"),   service("env"),  service("more"),
                                 service("grace"),  service("gone"), service("calls", {"same"}),
                                 service("secret"), service("next")};
    std::vector<ServiceSpec> next = now;
    next.erase(next.begin() + 4);
    next[1].run.env.add({"A", {}}, "1");
    next[1].run.limits.cpu = 1;
    next[1].run.replicas = 2;
    next[2].run.replicas = 3;
    next[3].run.grace = 1s;
    next[4].calls = {"same", "env"};
    now[6].fingerprint = "1";
    next[5].fingerprint = "2";
    next[6].version_of = "same";
    next.push_back(service("fresh"));
    EXPECT_EQ(said(now, next),
              "same keep\nenv restart: env and limits changed\nmore scale: 1 to 3 instances\n"
              "grace keep: grace changed: used from now on, without a restart\ncalls restart: calls changed\n"
              "secret restart: the content of its environment files or secrets changed\n"
              "next restart: version_of changed\n"
              "fresh add: new in the manifest\ngone remove: no longer in the manifest\n");
}

TEST(CallOrder, callees_come_first_and_a_cycle_is_one_group) {
    const CallOrder order =
        make_call_order({service("web", {"orders", "elsewhere"}), service("orders", {"stock", "pay"}),
                         service("pay", {"orders"}), service("stock"), service("alone", {"alone"})});
    EXPECT_TRUE(order.same_cycle("orders", "pay"));
    EXPECT_FALSE(order.same_cycle("orders", "stock"));
    EXPECT_LT(order.group.at("stock"), order.group.at("orders"));
    EXPECT_LT(order.group.at("orders"), order.group.at("web"));
    EXPECT_EQ(order.height.at("web"), 3U);
    EXPECT_EQ(order.height.at("pay"), 2U);
    EXPECT_EQ(order.height.at("alone"), 1U);
    ASSERT_EQ(order.cycles.size(), 1U);
    EXPECT_EQ(order.cycles[0].services, (std::vector<std::string>{"orders", "pay"}));
    EXPECT_NE(order.cycles[0].warning.find("call each other in a cycle"), std::string::npos);
}

TEST(CallOrder, a_long_chain_needs_no_stack) {
    std::vector<ServiceSpec> chain;
    for (int i = 0; i < 20'000; ++i) chain.push_back(service(std::to_string(i), {std::to_string(i + 1)}));
    EXPECT_EQ(make_call_order(chain).height.at("0"), 20'000U);
}

TEST(Backoff, waits_double_up_to_the_longest_and_a_loop_waits_the_longest) {
    base::Random random{3};
    const RestartConfig rule{.first = 100ms, .most = 1s, .reset_after = 10s, .crash_loop_after = 8};
    base::Duration longest{0};
    for (int round = 0; round < 200; ++round) {
        Backoff backoff;
        base::Duration bound = 100ms;
        for (int i = 0; i < 7; ++i) {
            const base::Duration wait = backoff.after_failure(0s, rule, random);
            EXPECT_LE(wait, bound);
            longest = std::max(longest, wait);
            bound = std::min<base::Duration>(bound * 2, 1s);
        }
        EXPECT_FALSE(backoff.in_crash_loop(rule));
        EXPECT_EQ(backoff.after_failure(0s, rule, random), 1s);
        EXPECT_TRUE(backoff.in_crash_loop(rule));
        EXPECT_LE(backoff.after_failure(11s, rule, random), 100ms);
    }
    EXPECT_GT(longest, 800ms);
}

TEST(PortPool, a_port_that_is_taken_or_was_given_is_not_given) {
    base::Random random{1};
    const PortsConfig range{.first = 28110, .last = 28113};
    const auto held = net::open_listener(net::Address::loopback(28112), {});
    ASSERT_TRUE(held.has_value()) << held.error().message();
    PortPool pool{range, random};
    const base::TimePoint now = base::steady_now();
    std::vector<uint16_t> given;
    for (int i = 0; i < 3; ++i) {
        const auto port = pool.take(now);
        ASSERT_TRUE(port.has_value());
        EXPECT_NE(*port, 28112);
        given.push_back(*port);
    }
    std::ranges::sort(given);
    EXPECT_EQ(given, (std::vector<uint16_t>{28110, 28111, 28113}));
    EXPECT_EQ(pool.take(now + 59s).error().code, base::Code::unavailable);
    EXPECT_TRUE(pool.take(now + 61s).has_value());
    ::close(*held);
}

}  // namespace tl::supervisor
