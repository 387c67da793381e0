#include "gateway/config.h"

#include <gtest/gtest.h>

namespace tl::gateway {

TEST(GatewayConfig, listens_on_loopback_unless_told_otherwise) {
    struct Case {
        const char* text;
        const char* address;  // "" where refused
    };
    const Case cases[] = {{"8080", "127.0.0.1:8080"},
                          {"0.0.0.0:80", "0.0.0.0:80"},
                          {":8080", "0.0.0.0:8080"},
                          {"[::1]:8080", "[::1]:8080"},
                          {"0", ""},
                          {"", ""},
                          {"65536", ""},
                          {"host", ""},
                          {"localhost:80", ""},
                          {"unix:/tmp/socket", ""}};
    for (const Case& one : cases) {
        const auto parsed = parse_listen(one.text);
        EXPECT_EQ(parsed ? parsed->to_string() : "", one.address) << one.text;
    }
}

TEST(GatewayConfig, names_a_route_by_what_it_matches) {
    RouteConfig config;
    config.path.value = "/api/*";
    config.host = "Shop.Example";
    config.methods = {"GET", "POST"};
    config.headers.add({"X-Beta", {}}, "*");
    config.headers.add({"X-Kind", {}}, "a");
    const auto rule = make_rule(config);
    ASSERT_TRUE(rule.has_value());
    EXPECT_EQ(rule->name, "GET|POST shop.example/api/*");
    ASSERT_EQ(rule->headers.size(), 2U);
    EXPECT_FALSE(rule->headers[0].value.has_value());
    EXPECT_EQ(rule->headers[1].value, "a");
}

}  // namespace tl::gateway
