#include "telemetry/why.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "telemetry/test_support.h"

namespace tl::telemetry {

using namespace std::chrono_literals;

namespace {

// client -> orders (gateway), orders -> payments and orders -> stock (sidecar).
struct Shop {
    NameTable names;
    NameId orders = names.intern("orders");
    NameId payments = names.intern("payments");
    NameId stock = names.intern("stock");
    RecordWords words = test::words(names);

    Record gateway(SpanId span, SpanId parent) {
        Record record = test::hop(span, parent, 0, 40);
        record.service = orders;
        record.route = names.intern("orders-api");
        record.instance = names.intern("orders-1");
        return record;
    }
    Record sidecar(SpanId span, SpanId parent, int64_t start_ms, NameId service) {
        Record record = test::hop(span, parent, start_ms, 5);
        record.door = Door::sidecar;
        record.caller = orders;
        record.service = service;
        return record;
    }
};

}  // namespace

TEST(Why, hops_hang_below_the_hop_that_made_them_in_order_of_time) {
    Shop shop;
    const std::vector<Record> records = {shop.sidecar(3, 1, 20, shop.stock), shop.gateway(1, 0),
                                         shop.sidecar(2, 1, 10, shop.payments), shop.sidecar(2, 1, 10, shop.payments)};
    const TraceTree tree = build_trace(records);
    ASSERT_EQ(tree.hops.size(), 3U) << "a doubled record is dropped";
    ASSERT_EQ(tree.roots, std::vector<size_t>{0});
    EXPECT_EQ(tree.hops[0].children, (std::vector<size_t>{1, 2}));
    EXPECT_EQ(tree.hops[1].record.service, shop.payments);
    EXPECT_TRUE(tree.complete());
}

TEST(Why, the_whole_story_is_printed) {
    Shop shop;
    Record failed = shop.sidecar(2, 1, 10, shop.payments);
    failed.status = 504;
    failed.cause = 2;
    failed.add_attempt(shop.names.intern("payments-1"), 0ms, 1500us, 1);
    failed.add_attempt(shop.names.intern("payments-2"), 2ms, 3ms, 0);
    failed.set(Record::kClientGone);
    const std::vector<Record> records = {shop.gateway(1, 0), failed};
    EXPECT_EQ(print_trace(build_trace(records), shop.words, false),
              "trace 4bf92f3577b34da6a3ce929d0e0e4736  2023-11-14T22:13:20.000Z, 2 hops, 40.0ms\n"
              "  +0.00ms   40.0ms  200  client -> orders  GET /x  route orders-api  at orders-1\n"
              "  +10.0ms   5.00ms  504    orders -> payments  GET /x  at payments-2\n"
              "                             attempt 1 at payments-1: connect failed after 1.50ms\n"
              "                             attempt 2 at payments-2: success after 3.00ms\n"
              "                             upstream_timeout: The service did not answer in time\n"
              "                             the client left\n");
}

TEST(Why, a_client_that_began_the_trace_leaves_the_tree_complete) {
    Shop shop;
    const std::vector<Record> records = {shop.gateway(1, 0x77)};
    const TraceTree tree = build_trace(records);
    EXPECT_EQ(tree.hops[0].place, HopPlace::continued);
    EXPECT_TRUE(tree.complete());
    EXPECT_TRUE(print_trace(tree, shop.words, false).contains("continues a trace of the client"));
}

TEST(Why, a_span_made_by_the_service_itself_is_placed_by_time) {
    Shop shop;
    const std::vector<Record> records = {shop.gateway(1, 0), shop.sidecar(2, 0x99, 10, shop.stock)};
    const TraceTree tree = build_trace(records);
    EXPECT_EQ(tree.hops[1].place, HopPlace::child_by_time);
    EXPECT_EQ(tree.hops[0].children, std::vector<size_t>{1});
    EXPECT_TRUE(print_trace(tree, shop.words, false).contains("placed here by its time"));
}

TEST(Why, a_hop_without_a_known_parent_is_said_to_be_incomplete) {
    Shop shop;
    const std::vector<Record> records = {shop.gateway(1, 0), shop.sidecar(2, 0x99, 100, shop.stock)};
    const TraceTree tree = build_trace(records, 12);
    EXPECT_EQ(tree.hops[1].place, HopPlace::orphan);
    EXPECT_FALSE(tree.complete());
    const std::string text = print_trace(tree, shop.words, false);
    EXPECT_TRUE(text.contains("This tree is incomplete")) << text;
    EXPECT_TRUE(text.contains("12 older records are no longer kept")) << text;
}

TEST(Why, a_circle_of_parents_is_cut_and_every_hop_is_shown) {
    Shop shop;
    const std::vector<Record> records = {shop.sidecar(1, 2, 0, shop.stock), shop.sidecar(2, 3, 1, shop.stock),
                                         shop.sidecar(3, 1, 2, shop.stock), shop.sidecar(4, 4, 90, shop.stock),
                                         shop.sidecar(5, 2, 3, shop.stock)};
    const TraceTree tree = build_trace(records);
    const std::string text = print_trace(tree, shop.words, false);
    size_t shown = 0;
    for (size_t at = text.find(" -> "); at != std::string::npos; at = text.find(" -> ", at + 1)) ++shown;
    EXPECT_EQ(shown, 5U) << text;
    EXPECT_FALSE(tree.complete());
}

TEST(Why, a_prefix_that_meets_two_traces_shows_the_latest_and_says_so) {
    Shop shop;
    Record earlier = shop.gateway(7, 0);
    earlier.trace.low = 1;
    earlier.start_ns -= 1000;
    const std::vector<Record> records = {shop.gateway(1, 0), earlier};
    const TraceTree tree = build_trace(records);
    EXPECT_EQ(tree.trace, records[0].trace);
    EXPECT_EQ(tree.other_traces, 1U);
    EXPECT_TRUE(print_trace(tree, shop.words, false).contains("1 records of other traces"));
}

TEST(Why, json_nests_the_calls) {
    Shop shop;
    Record failed = shop.sidecar(2, 1, 10, shop.payments);
    failed.cause = 2;
    const std::vector<Record> records = {shop.gateway(1, 0), failed, shop.sidecar(3, 2, 11, shop.stock),
                                         shop.sidecar(4, 1, 20, shop.stock)};
    const auto json = nlohmann::json::parse(trace_json(build_trace(records, 3), shop.words));
    EXPECT_EQ(json["trace"], "4bf92f3577b34da6a3ce929d0e0e4736");
    EXPECT_EQ(json["complete"], true);
    EXPECT_EQ(json["overwritten"], 3);
    ASSERT_EQ(json["hops"].size(), 1U);
    const auto& calls = json["hops"][0]["calls"];
    ASSERT_EQ(calls.size(), 2U);
    EXPECT_EQ(calls[0]["why"], "The service did not answer in time");
    EXPECT_EQ(calls[0]["offset_ms"], 10.0);
    EXPECT_EQ(calls[0]["calls"][0]["service"], "stock");
    EXPECT_EQ(calls[0]["place"], "child");
}

TEST(Why, nothing_found_is_said_with_its_likely_reason) {
    Shop shop;
    const TraceTree none = build_trace({});
    EXPECT_TRUE(print_trace(none, shop.words, false).starts_with("No record of this trace: no request"));
    EXPECT_TRUE(print_trace(build_trace({}, 5), shop.words, false).contains("5 older records are no longer kept"));
    EXPECT_EQ(nlohmann::json::parse(trace_json(none, shop.words))["hops"].size(), 0U);
}

}  // namespace tl::telemetry
