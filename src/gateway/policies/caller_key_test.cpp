// Who is one caller, and who is another.
#include "gateway/policies/caller_key.h"

#include <gtest/gtest.h>

#include "gateway/gateway_testing.h"
#include "proxy/identity.h"

namespace tl::gateway {
namespace {

constexpr base::HashKey kSecret{3, 4};

struct Request {
    std::string client = "192.0.2.60:41000";
    std::vector<std::pair<std::string, std::string>> headers;
    proxy::IdentityPtr identity;
};

// The caller as people see it, and its hash.
std::pair<std::string, uint64_t> caller(const Request& request, const std::string& key) {
    HeadOnly exchange;
    exchange.client = *net::Address::parse(request.client);
    for (const auto& [name, value] : request.headers) exchange.head.headers.add(name, value);
    const proxy::Door door;
    proxy::Route route;
    route.rule.name = "/api/*";
    proxy::RequestContext context{.exchange = &exchange, .door = door};
    context.route = &route;
    context.identity = request.identity;
    const CallerText text = caller_of(context, parse_caller_key(key).value());
    return {show(text, kSecret), hash_of(text, kSecret)};
}

proxy::IdentityPtr who(std::string method, std::string subject, nlohmann::json claims = nlohmann::json::object()) {
    auto identity = std::make_shared<proxy::Identity>();
    identity->method = std::move(method);
    identity->subject = std::move(subject);
    identity->claims = std::move(claims);
    return identity;
}

TEST(CallerKey, a_client_is_an_address_without_its_port_and_of_ipv6_a_64) {
    EXPECT_EQ(caller({}, "client").first, "client 192.0.2.60");
    EXPECT_EQ(caller({.client = "192.0.2.60:1"}, "client"), caller({}, "client"));
    EXPECT_NE(caller({.client = "192.0.2.61:41000"}, "client").second, caller({}, "client").second);
    EXPECT_EQ(caller({.client = "[2001:db8:1:2::1]:1"}, "client").first, "client 2001:db8:1:2::/64");
    EXPECT_EQ(caller({.client = "[2001:db8:1:2::1]:1"}, "client"),
              caller({.client = "[2001:db8:1:2:ffff::9]:2"}, "client"));
    EXPECT_NE(caller({.client = "[2001:db8:1:2::1]:1"}, "client"), caller({.client = "[2001:db8:1:3::1]:1"}, "client"));
    EXPECT_EQ(caller({.client = "[::ffff:192.0.2.60]:1"}, "client"), caller({}, "client"));
}

TEST(CallerKey, who_leaves_out_what_is_asked_for_is_counted_by_address) {
    for (const std::string key : {"header x-tenant", "cookie sid", "identity", "api_key", "claim org"}) {
        EXPECT_EQ(caller({}, key), caller({}, "client")) << key;
    }
    EXPECT_EQ(caller({.headers = {{"X-Tenant", ""}}}, "header x-tenant"), caller({}, "client"));
    EXPECT_EQ(caller({.identity = who("anonymous", "")}, "identity"), caller({}, "client"));
    EXPECT_EQ(caller({.identity = who("jwt", "alice")}, "api_key"), caller({}, "client")) << "it is no API key";
}

TEST(CallerKey, what_a_header_says_is_never_somebody_elses_address) {
    const std::string address("\xc0\x00\x02\x3c", 4);
    EXPECT_NE(caller({.headers = {{"X-Tenant", address}}}, "header x-tenant").second, caller({}, "client").second);
}

TEST(CallerKey, the_same_subject_of_another_method_is_somebody_else) {
    EXPECT_NE(caller({.identity = who("jwt", "alice")}, "identity").second,
              caller({.identity = who("basic", "alice")}, "identity").second);
    EXPECT_EQ(caller({.identity = who("api_key", "alice")}, "api_key").first, "api_key alice");
}

TEST(CallerKey, claims_are_text_or_numbers) {
    EXPECT_EQ(caller({.identity = who("jwt", "a", {{"org", "x"}})}, "claim org").second,
              caller({.identity = who("jwt", "b", {{"org", "x"}})}, "claim org").second);
    EXPECT_NE(caller({.identity = who("jwt", "a", {{"org", 7}})}, "claim org").second,
              caller({.identity = who("jwt", "a", {{"org", 8}})}, "claim org").second);
    EXPECT_EQ(caller({.identity = who("jwt", "a", {{"org", nullptr}})}, "claim org"), caller({}, "client"));
}

TEST(CallerKey, what_may_be_a_secret_is_not_shown) {
    EXPECT_EQ(caller({.headers = {{"Authorization", "Bearer hush"}}}, "header authorization").first.find("hush"),
              std::string::npos);
    EXPECT_EQ(caller({.headers = {{"Cookie", "sid=hush"}}}, "cookie sid").first.find("hush"), std::string::npos);
}

TEST(CallerKey, route_and_all_are_everybody) {
    EXPECT_EQ(caller({}, "route").first, "route /api/*");
    EXPECT_EQ(caller({.client = "192.0.2.1:1"}, "all"), caller({}, "all"));
}

}  // namespace
}  // namespace tl::gateway
