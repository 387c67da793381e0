// What a joined answer makes of its description and of the parts that it gets.
#include <gtest/gtest.h>

#include "gateway/join/compose.h"
#include "manifest/document.h"

namespace tl::gateway {
namespace {

using Json = nlohmann::ordered_json;

JoinConfig read(const std::string& yaml, std::string* said = nullptr) {
    manifest::Document document = manifest::parse_document(yaml, "t.yaml");
    JoinConfig config = join_schema().parse(document.root, document.diagnostics);
    manifest::Names services{"service"};
    for (const char* name : {"users", "orders", "shipping"}) {
        services.add({name, {}}, document.diagnostics);
    }
    if (!document.diagnostics.has_errors()) check_join(config, services, document.diagnostics);
    if (said != nullptr) *said = document.diagnostics.to_text();
    if (said == nullptr) EXPECT_EQ(document.diagnostics.to_text(), "");
    return config;
}

PolicyContext context() {
    return {.route = "/x", .target = [](const std::string& service) {
                auto route = std::make_shared<proxy::Route>();
                route->service = service;
                return route;
            }};
}

std::string complaint(const std::string& yaml) {
    std::string said;
    (void)read(yaml, &said);
    return said;
}

TEST(Join, calls_wait_for_those_that_they_point_at_and_for_no_others) {
    const JoinPlan plan = make_join_plan(read("calls:\n"
                                              "  user: { to: users, path: '/users/{path.id}' }\n"
                                              "  orders: { to: orders, path: /orders, query: { of: '{user.id}' } }\n"
                                              "  parcels: { to: shipping, path: '/p/{item.id}/{user.zone}', each: "
                                              "'{orders.items}' }\n"),
                                         context());
    EXPECT_EQ(plan.calls[0].after, std::vector<size_t>{});
    EXPECT_EQ(plan.calls[1].after, std::vector<size_t>{0});
    EXPECT_EQ(plan.calls[2].after, (std::vector<size_t>{1, 0}));
}

TEST(Join, mistakes_are_told_with_their_place) {
    EXPECT_NE(complaint("calls:\n  a: { to: nobody, path: /x }\n").find("t.yaml:2:12: error: call \"a\" goes to"),
              std::string::npos);
    EXPECT_NE(complaint("calls:\n  a: { to: users, path: '/{b.x}' }\n  b: { to: users, path: '/{a.x}' }\n")
                  .find("t.yaml:2:3: error: call \"a\" waits for its own answer: a, b"),
              std::string::npos);
    EXPECT_NE(complaint("calls:\n  a: { to: users, path: '/{a.x}' }\n").find("waits for its own answer: a"),
              std::string::npos);
    EXPECT_NE(complaint("calls:\n  path: { to: users, path: /x }\n").find("cannot be named \"path\""),
              std::string::npos);
    EXPECT_NE(complaint("calls:\n  a: { to: users, path: '/{item.x}' }\n").find("t.yaml:2:25: error:"),
              std::string::npos);
    EXPECT_NE(complaint("calls:\n  a: { to: users, path: /x, fallback: '[' }\n").find("is no JSON"), std::string::npos);
    EXPECT_NE(complaint("calls:\n  a: { to: users, path: /x, each: '{z.y}' }\n").find("which is no call"),
              std::string::npos);
    EXPECT_NE(complaint("calls:\n  a: { to: users, path: /x, headers: { content-length: 3 } }\n")
                  .find("field of the connection"),
              std::string::npos);
}

// The document of calls a and b with these values.
std::string joined(const std::string& keys, const std::string& a, const std::string& b, bool missing = false) {
    const JoinPlan plan = make_join_plan(
        read(keys + "calls:\n  a: { to: users, path: /x, merge: true }\n  b: { to: users, path: /x, merge: true }\n"),
        context());
    std::vector<JoinedPart> parts{{&plan.calls[0], Json::parse(a)}, {&plan.calls[1], Json::parse(b), missing}};
    const auto document = compose(plan, std::move(parts));
    return document ? document->dump() : document.error();
}

TEST(Join, fields_that_collide_follow_the_rule) {
    const std::string a = R"({"x":1,"o":{"p":1,"q":1}})";
    const std::string b = R"({"y":2,"x":2,"o":{"q":2,"r":2}})";
    EXPECT_EQ(joined("", a, b), R"("x" comes from call "a" and from call "b")");
    EXPECT_EQ(joined("collisions: first\n", a, b), R"({"x":1,"o":{"p":1,"q":1},"y":2})");
    EXPECT_EQ(joined("collisions: prefix\n", a, b), R"({"x":1,"o":{"p":1,"q":1},"y":2,"b_x":2,"b_o":{"q":2,"r":2}})");
    EXPECT_EQ(joined("collisions: deep\n", a, b), R"({"x":1,"o":{"p":1,"q":1,"r":2},"y":2})");
    EXPECT_EQ(joined("missing: _missing\n", R"({"x":1})", "null", true), R"({"x":1,"_missing":["b"]})");
}

TEST(Join, a_part_and_some_fields_of_an_answer) {
    const JoinPlan plan =
        make_join_plan(read("calls:\n  a: { to: users, path: /x, take: data.items, pick: [id, name] }\n"), context());
    const auto cut = cut_answer(plan.calls[0], Json::parse(R"({"data":{"items":[{"id":1,"secret":2},{"name":"n"}]}})"));
    ASSERT_TRUE(cut.has_value());
    EXPECT_EQ(cut->dump(), R"([{"id":1},{"name":"n"}])");
    EXPECT_FALSE(cut_answer(plan.calls[0], Json::parse(R"({"data":[]})")).has_value());
}

TEST(Join, paths_of_an_answer_are_picked_dropped_and_renamed_in_this_order) {
    const JoinPlan plan = make_join_plan(read("calls:\n  a: { to: users, path: /x, pick: [id, who.name, who.secret], "
                                              "drop: who.secret, rename: { who.name: called } }\n"),
                                         context());
    const auto cut = cut_answer(plan.calls[0], Json::parse(R"([{"id":1,"who":{"name":"n","secret":2,"x":3},"y":4}])"));
    ASSERT_TRUE(cut.has_value());
    EXPECT_EQ(cut->dump(), R"([{"id":1,"who":{"called":"n"}}])");
}

TEST(Join, answers_that_are_no_json_or_too_deep_are_refused) {
    EXPECT_TRUE(parse_answer(R"({"a":[1,2,{"b":null}]})").has_value());
    EXPECT_FALSE(parse_answer("{").has_value());
    EXPECT_FALSE(parse_answer("").has_value());
    EXPECT_FALSE(parse_answer("\xff\xfe").has_value());
    EXPECT_TRUE(parse_answer(std::string(60, '[') + std::string(60, ']')).has_value());
    const auto deep = parse_answer(std::string(100'000, '[') + std::string(100'000, ']'));
    ASSERT_FALSE(deep.has_value());
    EXPECT_EQ(deep.error(), "its JSON is more than 64 levels deep");
}

}  // namespace
}  // namespace tl::gateway
