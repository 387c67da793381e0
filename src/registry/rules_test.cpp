// The pure rules: who is selected, what results in a row mean, how the manifest says it.
#include <gtest/gtest.h>

#include "manifest/document.h"
#include "registry/endpoint_selection.h"
#include "registry/health.h"

namespace tl::registry {

namespace {

using enum InstanceState;

std::vector<Candidate> candidates(std::initializer_list<InstanceState> states) {
    std::vector<Candidate> out;
    for (const InstanceState state : states) {
        out.push_back({{.id = std::to_string(out.size() + 1)}, state});
    }
    return out;
}

std::string ids(const Selection& selection) {
    std::string out;
    for (const proxy::Endpoint& endpoint : selection.endpoints) out += endpoint.id;
    return out;
}

struct Read {
    ServiceHealthConfig config;
    std::string mistakes;
};
Read read(const std::string& yaml) {
    manifest::Document document = manifest::parse_document(yaml, "m.yaml");
    Read out;
    out.config = service_health_schema().parse(document.root, document.diagnostics);
    if (document.diagnostics.has_errors()) out.mistakes = document.diagnostics.to_text();
    return out;
}

}  // namespace

TEST(Selection, healthy_instances_only_above_the_threshold) {
    const Selection selection =
        select_endpoints("orders", candidates({healthy, unhealthy, healthy, starting, draining}), 0.5);
    EXPECT_EQ(ids(selection), "13");
    ASSERT_EQ(selection.unwell.size(), 1U);  // starting and draining ones are not missing
    EXPECT_EQ(selection.unwell[0].id, "2");
    EXPECT_EQ(selection.reason, "");
    EXPECT_FALSE(selection.panic);
}

TEST(Selection, exactly_at_the_threshold_is_no_panic) {
    EXPECT_FALSE(select_endpoints("orders", candidates({healthy, unhealthy}), 0.5).panic);
}

TEST(Selection, below_the_threshold_all_are_used_and_it_says_why) {
    const Selection selection = select_endpoints(
        "orders", candidates({unhealthy, healthy, unhealthy, unhealthy, starting, draining, gone}), 0.5);
    EXPECT_EQ(ids(selection), "1234");
    EXPECT_TRUE(selection.panic);
    EXPECT_EQ(selection.reason, "panic: only 1 of 4 instances is healthy (threshold 50%), so all are used");
}

TEST(Selection, nobody_healthy_is_panic_too) {
    EXPECT_EQ(select_endpoints("orders", candidates({unhealthy, unhealthy}), 0.5).reason,
              "panic: none of 2 instances is healthy (threshold 50%), so all are used");
    EXPECT_EQ(select_endpoints("orders", candidates({unhealthy}), 0.5).reason,
              "panic: the only instance is unhealthy (threshold 50%), so it is used all the same");
}

TEST(Selection, a_threshold_of_zero_never_panics) {
    const Selection selection = select_endpoints("orders", candidates({unhealthy, starting, starting}), 0);
    EXPECT_EQ(ids(selection), "");
    EXPECT_FALSE(selection.panic);
    EXPECT_EQ(selection.reason, "no instance of \"orders\" can take requests: 2 starting, 1 unhealthy");
}

TEST(Selection, no_instance_at_all_says_so) {
    EXPECT_EQ(select_endpoints("orders", {}, 0.5).reason, "\"orders\" has no instance");
}

TEST(ProbeCounter, thresholds_count_results_in_a_row) {
    const HealthConfig config{.healthy_after = 2, .unhealthy_after = 3};
    ProbeCounter counter;
    EXPECT_EQ(counter.on_probe(starting, true, config), std::nullopt);
    EXPECT_EQ(counter.on_probe(starting, false, config), std::nullopt);
    EXPECT_EQ(counter.on_probe(starting, true, config), std::nullopt);
    EXPECT_EQ(counter.on_probe(starting, true, config), healthy);
    counter.reset();
    EXPECT_EQ(counter.on_probe(healthy, false, config), std::nullopt);
    EXPECT_EQ(counter.on_probe(healthy, false, config), std::nullopt);
    EXPECT_EQ(counter.on_probe(healthy, true, config), std::nullopt);
    EXPECT_EQ(counter.on_probe(healthy, false, config), std::nullopt);
    EXPECT_EQ(counter.on_probe(healthy, false, config), std::nullopt);
    EXPECT_EQ(counter.on_probe(healthy, false, config), unhealthy);
}

TEST(ProbeCounter, failures_do_not_make_a_starting_instance_unhealthy) {
    const HealthConfig config{.unhealthy_after = 1};
    ProbeCounter counter;
    for (int i = 0; i < 10; ++i) EXPECT_EQ(counter.on_probe(starting, false, config), std::nullopt);
}

TEST(PassiveCounter, only_connection_failures_in_a_row_and_within_the_window_count) {
    using enum proxy::Outcome;
    const PassiveConfig config{.failures = 3, .window = 10s};
    const base::TimePoint start{1h};
    PassiveCounter counter;
    EXPECT_FALSE(counter.on_outcome(reset, start, config));
    EXPECT_FALSE(counter.on_outcome(connect_failed, start, config));
    EXPECT_FALSE(counter.on_outcome(success, start, config));  // breaks the row
    EXPECT_FALSE(counter.on_outcome(reset, start, config));
    EXPECT_FALSE(counter.on_outcome(timeout, start, config));  // says nothing
    EXPECT_FALSE(counter.on_outcome(reset, start, config));
    EXPECT_FALSE(counter.on_outcome(failure, start, config));  // an answer: breaks the row
    EXPECT_FALSE(counter.on_outcome(reset, start, config));
    EXPECT_FALSE(counter.on_outcome(reset, start + 1s, config));
    EXPECT_FALSE(counter.on_outcome(reset, start + 11s, config));  // the first is out of the window
    EXPECT_FALSE(counter.on_outcome(reset, start + 12s, config));
    EXPECT_TRUE(counter.on_outcome(reset, start + 13s, config));
    EXPECT_FALSE(counter.on_outcome(reset, start + 13s, config));  // counts anew
}

TEST(PassiveCounter, zero_failures_turn_it_off) {
    PassiveCounter counter;
    for (int i = 0; i < 10; ++i) {
        EXPECT_FALSE(counter.on_outcome(proxy::Outcome::reset, base::TimePoint{1h}, {.failures = 0}));
    }
}

TEST(ProbePace, pauses_grow_from_starting_to_the_interval_with_jitter) {
    const HealthConfig config{.interval = 1s, .starting = 50ms};
    ProbePace pace{config};
    base::Random dice{1};
    base::Duration pause = pace.after_probe(starting, config, dice);
    EXPECT_GE(pause, 45ms);
    EXPECT_LE(pause, 55ms);
    for (int i = 0; i < 20; ++i) pause = pace.after_probe(starting, config, dice);
    EXPECT_GE(pause, 900ms);
    EXPECT_LE(pause, 1100ms);
    const base::Duration next = pace.after_probe(healthy, config, dice);
    EXPECT_NE(next, pause);
    EXPECT_GE(next, 900ms);
    EXPECT_LE(next, 1100ms);
}

TEST(Manifest, a_path_alone_is_an_http_probe) {
    const Read out = read("health: /healthz\n");
    EXPECT_EQ(out.mistakes, "");
    EXPECT_EQ(out.config.health.kind(), ProbeKind::http);
    EXPECT_EQ(out.config.health.http, "/healthz");
}

TEST(Manifest, every_kind_and_key_is_read) {
    EXPECT_EQ(read("health: { tcp: true }\n").config.health.kind(), ProbeKind::tcp);
    EXPECT_EQ(read("health: { command: ./check }\n").config.health.kind(), ProbeKind::command);
    EXPECT_EQ(read("health: { none: true }\n").config.health.kind(), ProbeKind::none);
    EXPECT_EQ(read("health: { interval: 5s }\n").config.health.kind(), ProbeKind::automatic);
    const Read out = read(
        "health: { http: /up, interval: 2s, timeout: 300ms, healthy_after: 2, unhealthy_after: 5, status: 200-299 }\n"
        "panic_threshold: 30%\n"
        "passive: { failures: 5, window: 1m, retry_after: 10s }\n");
    EXPECT_EQ(out.mistakes, "");
    EXPECT_EQ(out.config.health.interval, 2s);
    EXPECT_EQ(out.config.health.status, (StatusRange{200, 299}));
    EXPECT_DOUBLE_EQ(out.config.panic_threshold, 0.3);
    EXPECT_EQ(out.config.passive.window, 1min);
}

TEST(Manifest, mistakes_are_named) {
    EXPECT_NE(read("health: healthz\n").mistakes.find("starts with \"/\""), std::string::npos);
    EXPECT_NE(read("health: { http: /up, tcp: true }\n").mistakes.find("not several"), std::string::npos);
    EXPECT_NE(read("health: { http: /up, status: 399-200 }\n").mistakes.find("smaller status first"),
              std::string::npos);
    EXPECT_NE(read("health: { http: /up, status: ok }\n").mistakes.find("200-399"), std::string::npos);
    EXPECT_NE(read("health: { http: /up, intervall: 1s }\n").mistakes.find("interval"), std::string::npos);
}

}  // namespace tl::registry
