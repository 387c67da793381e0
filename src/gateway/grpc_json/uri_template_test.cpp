#include "gateway/grpc_json/uri_template.h"

#include <gtest/gtest.h>

namespace tl::gateway {

namespace {

// The values that `text` finds in `path`, joined by bars; "no" without a match, or what is wrong with it.
std::string matched(std::string_view text, std::string_view path) {
    const auto made = UriTemplate::parse(text);
    if (!made) return made.error();
    std::vector<std::string_view> values;
    if (!made->match(UriTemplate::split(path), values)) return "no";
    std::string all = "yes";
    for (const std::string_view one : values) all += "|" + std::string{one};
    return all;
}

}  // namespace

TEST(UriTemplate, matches_what_its_grammar_says) {
    EXPECT_EQ(matched("/v1/orders", "/v1/orders"), "yes");
    EXPECT_EQ(matched("/v1/orders", "/v1/orders/"), "no");
    EXPECT_EQ(matched("/v1/orders/{id}", "/v1/orders/7"), "yes|7");
    EXPECT_EQ(matched("/v1/orders/{id}", "/v1/orders/"), "no");
    EXPECT_EQ(matched("/v1/orders/{id}", "/v1/orders/7/x"), "no");
    EXPECT_EQ(matched("/v1/{name=shops/*/orders/*}", "/v1/shops/1/orders/2"), "yes|shops/1/orders/2");
    EXPECT_EQ(matched("/v1/{name=shops/*}/x/{b.c}", "/v1/shops/1/x/2"), "yes|shops/1|2");
    EXPECT_EQ(matched("/v1/{path=**}", "/v1/a/b/c"), "yes|a/b/c");
    EXPECT_EQ(matched("/v1/{path=**}", "/v1"), "yes|");
    EXPECT_EQ(matched("/v1/{path=files/**}", "/v1/files"), "yes|files");
    EXPECT_EQ(matched("/v1/*/x", "/v1/a/x"), "yes");
    EXPECT_EQ(matched("/v1/{kind=shops}", "/v1/shops"), "yes|shops");
    EXPECT_FALSE(UriTemplate::parse("/v1/{kind=shops}")->exact());
    EXPECT_EQ(matched("/**", "/"), "yes");
    EXPECT_EQ(matched("/", "/"), "yes");
    EXPECT_EQ(matched("/", "/x"), "no");
}

TEST(UriTemplate, has_verbs_behind_the_last_segment) {
    EXPECT_EQ(matched("/v1/orders:find", "/v1/orders:find"), "yes");
    EXPECT_EQ(matched("/v1/orders:find", "/v1/orders"), "no");
    EXPECT_EQ(matched("/v1/{id}:cancel", "/v1/7:cancel"), "yes|7");
    EXPECT_EQ(matched("/v1/{id}:cancel", "/v1/:cancel"), "no");
    EXPECT_EQ(matched("/v1/{id}", "/v1/7:cancel"), "yes|7:cancel");
    EXPECT_EQ(matched("/v1/{id=a/**}:x", "/v1/a/b/c:x"), "yes|a/b/c");
    EXPECT_EQ(matched("/v1/{id=**}:x", "/v1/a:x"), "yes|a");
}

TEST(UriTemplate, that_is_none_says_why) {
    EXPECT_EQ(matched("v1", "/"), "must begin with \"/\"");
    EXPECT_EQ(matched("", "/"), "must begin with \"/\"");
    EXPECT_EQ(matched("/v1//x", "/"), "has an empty segment");
    EXPECT_EQ(matched("/v1/", "/"), "has an empty segment");
    EXPECT_EQ(matched("/{id", "/"), "has a \"{\" without its \"}\"");
    EXPECT_EQ(matched("/{}", "/"), "has a variable without a field's name");
    EXPECT_EQ(matched("/{a..b}", "/"), "has a variable without a field's name");
    EXPECT_EQ(matched("/{a={b}}", "/"), "has an empty segment");
    EXPECT_EQ(matched("/**/x", "/"), "has \"**\" before its end");
    EXPECT_EQ(matched("/a*", "/"), "has \"a*\"; \"*\" stands alone");
    EXPECT_EQ(matched("/a:", "/"), "has no verb behind \":\"");
    EXPECT_EQ(matched("/a}b", "/"), "has \"}b\" where it should end");
    std::string deep;
    for (int i = 0; i < 100; ++i) deep += "/a";
    EXPECT_EQ(matched(deep, "/"), "has more than 64 segments");
}

TEST(UriTemplate, is_ordered_by_how_much_it_says) {
    const auto before = [](std::string_view a, std::string_view b) {
        return UriTemplate::parse(a)->before(*UriTemplate::parse(b));
    };
    EXPECT_TRUE(before("/v1/me", "/v1/{id}"));
    EXPECT_TRUE(before("/v1/{id}", "/v1/{id=**}"));
    EXPECT_TRUE(before("/v1/{id}/x", "/v1/{id}"));
    EXPECT_TRUE(before("/v1/{id}:x", "/v1/{id}"));
    EXPECT_FALSE(before("/v1/{id}", "/v1/{other}"));
    EXPECT_EQ(UriTemplate::parse("/v1/{a=b/*}:c")->shape(), UriTemplate::parse("/v1/b/{d}:c")->shape());
    EXPECT_EQ(UriTemplate::parse("/v1/b/{d}:c")->beginning(), "/v1/b");
}

}  // namespace tl::gateway
