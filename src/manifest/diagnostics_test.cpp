#include "manifest/diagnostics.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "manifest/names.h"

namespace tl::manifest {

TEST(Diagnostics, plain_text_is_one_line_each_in_order_of_place) {
    Diagnostics diagnostics("t.yaml");
    diagnostics.error({12, 5}, "unknown key \"tiemout\" in a route", "did you mean \"timeout\"?");
    diagnostics.warning({2, 9}, "later in the line");
    diagnostics.error({2, 1}, "first");
    diagnostics.error({2, 9}, "same place, found later");
    diagnostics.error({}, "of the whole file");
    EXPECT_EQ(diagnostics.to_text(),
              "t.yaml: error: of the whole file\n"
              "t.yaml:2:1: error: first\n"
              "t.yaml:2:9: warning: later in the line\n"
              "t.yaml:2:9: error: same place, found later\n"
              "t.yaml:12:5: error: unknown key \"tiemout\" in a route; did you mean \"timeout\"?\n");
    EXPECT_EQ(diagnostics.errors(), 4U);
    EXPECT_EQ(diagnostics.warnings(), 1U);
}

TEST(Diagnostics, warnings_alone_are_no_errors) {
    Diagnostics diagnostics("t.yaml");
    diagnostics.warning({1, 1}, "careful");
    EXPECT_FALSE(diagnostics.has_errors());
    EXPECT_FALSE(diagnostics.empty());
}

TEST(Diagnostics, the_same_said_twice_of_one_place_is_said_once) {
    Diagnostics diagnostics("t.yaml");
    for (int i = 0; i < 3; ++i) diagnostics.error({3, 1}, "seen through an alias");
    EXPECT_EQ(diagnostics.errors(), 1U);
}

TEST(Diagnostics, a_terminal_sees_the_source_line_and_a_caret_under_the_character) {
    Diagnostics diagnostics("t.yaml", "a: 1\ngröße: [x]\r\n");
    diagnostics.error({2, 9}, "wrong", "do better");
    EXPECT_EQ(diagnostics.to_terminal(false),
              "t.yaml:2:9: error: wrong\n  2 | größe: [x]\n    |         ^\n  hint: do better\n");
    EXPECT_TRUE(diagnostics.to_terminal(true).starts_with("\033[1mt.yaml:2:9\033[0m: \033[1;31merror\033[0m: "));
}

TEST(Diagnostics, a_long_line_is_cut_around_the_caret) {
    Diagnostics diagnostics("t.yaml", std::string(500, 'x') + "Y" + std::string(500, 'z'));
    diagnostics.error({1, 501}, "wrong");
    const std::string out = diagnostics.to_terminal(false);
    EXPECT_TRUE(out.contains("| " + std::string(59, 'x') + "Y" + std::string(40, 'z') + "\n")) << out;
    EXPECT_TRUE(out.contains("| " + std::string(59, ' ') + "^\n")) << out;
}

TEST(Diagnostics, more_than_anybody_reads_are_counted_and_bounded) {
    Diagnostics diagnostics("t.yaml");
    for (uint32_t i = 5000; i > 0; --i) diagnostics.error({i, 1}, "wrong");
    const std::string out = diagnostics.to_text();
    EXPECT_EQ(std::ranges::count(out, '\n'), 101);
    EXPECT_TRUE(out.ends_with("and 4900 more\n")) << out;
    EXPECT_TRUE(diagnostics.full());
    EXPECT_EQ(diagnostics.sorted().size(), Diagnostics::kKept);
}

TEST(Diagnostics, json_carries_the_same) {
    Diagnostics diagnostics("t.yaml");
    diagnostics.error({12, 5}, "wrong", "fix it");
    diagnostics.warning({}, "of the file");
    EXPECT_EQ(diagnostics.to_json().dump(),
              R"({"file":"t.yaml","errors":1,"warnings":1,"diagnostics":[)"
              R"({"severity":"warning","message":"of the file"},)"
              R"({"severity":"error","message":"wrong","line":12,"column":5,"hint":"fix it"}],"more":0})");
}

TEST(Names, an_unknown_name_is_reported_with_the_one_that_was_meant) {
    Diagnostics diagnostics("t.yaml");
    Names services("service");
    EXPECT_TRUE(services.add({"orders", {1, 1}}, diagnostics));
    EXPECT_TRUE(services.add({"users", {2, 1}}, diagnostics));
    EXPECT_TRUE(services.check({"users", {3, 1}}, "this route goes to", diagnostics));
    EXPECT_TRUE(diagnostics.empty());
    EXPECT_FALSE(services.check({"ordres", {3, 7}}, "this route goes to", diagnostics));
    EXPECT_FALSE(services.check({"kafka", {4, 7}}, "orders calls", diagnostics));
    EXPECT_FALSE(services.add({"users", {9, 1}}, diagnostics));
    EXPECT_FALSE(Names("context").check({"x", {10, 1}}, "this goes to", diagnostics));
    EXPECT_EQ(diagnostics.to_text(),
              "t.yaml:3:7: error: this route goes to \"ordres\", which is no service; did you mean \"orders\"?\n"
              "t.yaml:4:7: error: orders calls \"kafka\", which is no service; there is orders, users\n"
              "t.yaml:9:1: error: the service \"users\" is defined already on line 2, column 1; give one of them "
              "another name\n"
              "t.yaml:10:1: error: this goes to \"x\", which is no context; the manifest defines no context\n");
}

}  // namespace tl::manifest
