#include <gtest/gtest.h>

#include "gateway/graphql/variables.h"

namespace tl::gateway {
namespace {

std::string shown(std::string_view document) {
    const auto all = parse_operations(document);
    if (!all) return all.error();
    std::string text;
    for (const GraphqlOperation& one : *all) {
        text += (text.empty() ? "" : " | ") + one.kind + " " + one.name;
        for (const GraphqlVariable& v : one.variables)
            text += " " + v.name + ":" + std::string(v.lists, '[') + v.type + (v.required ? "!" : "");
    }
    return text;
}

TEST(GraphqlOperations, AreFoundWithTheirVariables) {
    EXPECT_EQ(shown("{ a }"), "query ");
    EXPECT_EQ(shown("query P($id: ID!, $n: Int = 10, $t: [String!]!) { p(id: $id) { name } }"),
              "query P id:ID! n:Int t:[String!");
    EXPECT_EQ(shown("mutation M($in: Item! = {a: [1, 2], b: \"}\"} @x(y: 1)) @z { m }"), "mutation M in:Item");
    EXPECT_EQ(shown("# {\nquery A { a(t: \"\"\" } \\\"\"\" \"\"\") }\nfragment F on T @d { b }\nquery B { b }"),
              "query A | query B");
    EXPECT_EQ(shown("query ($m: [[Int!]!]) { a }"), "query  m:[[Int");
}

TEST(GraphqlOperations, ThatAreNoneAreToldWithTheirLine) {
    EXPECT_EQ(shown(""), "it has no operation");
    EXPECT_EQ(shown("fragment F on T { a }"), "it has no operation");
    EXPECT_EQ(shown("type T { a: Int }"), "\"type\" is no operation: a document has queries, mutations and fragments");
    EXPECT_EQ(shown("query P(\n$id ID) { a }"), "line 2: \":\" and a type should stand in the place of \"ID\"");
    EXPECT_EQ(shown("query P { a"), "it ends where \"}\" should stand");
    EXPECT_EQ(shown("query P { a ) }"), "line 1: \"}\" should stand in the place of \")\"");
    EXPECT_EQ(shown("query P {\n a(b: \"x) }"), "line 2: a string that does not end");
    EXPECT_EQ(shown("query P { a; }"), "line 1: no mark of GraphQL");
    EXPECT_EQ(shown("query P($a: [Int) { a }"), "line 1: \"]\" should stand in the place of \")\"");
}

TEST(GraphqlValues, BecomeWhatTheirTypeWants) {
    const auto value = [](std::string type, unsigned lists, std::string_view text) {
        const auto made = value_of_text({.name = "v", .type = std::move(type), .lists = lists}, text);
        return made ? made->dump() : "none";
    };
    EXPECT_EQ(value("Int", 0, "-7"), "-7");
    EXPECT_EQ(value("Int", 0, "2147483648"), "none");
    EXPECT_EQ(value("Int", 0, "7.5"), "none");
    EXPECT_EQ(value("Int", 0, ""), "none");
    EXPECT_EQ(value("Float", 0, "1e3"), "1000.0");
    EXPECT_EQ(value("Float", 0, "inf"), "none");
    EXPECT_EQ(value("Boolean", 0, "true"), "true");
    EXPECT_EQ(value("Boolean", 0, "yes"), "none");
    EXPECT_EQ(value("ID", 0, "7\"}"), "\"7\\\"}\"");
    EXPECT_EQ(value("Int", 1, "1,2"), "[1,2]");
    EXPECT_EQ(value("Int", 1, "1,x"), "none");
    EXPECT_EQ(value("String", 2, "a"), "none");
}

}  // namespace
}  // namespace tl::gateway
