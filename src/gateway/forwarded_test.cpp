// What services are told about the client: a request's fields before, and after.
#include "gateway/forwarded.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "gateway/gateway_testing.h"
#include "proxy/door.h"
#include "proxy/request_context.h"

namespace tl::gateway {
namespace {

struct Case {
    bool trust = false;
    std::string client = "192.0.2.60:41000";
    std::vector<std::pair<std::string, std::string>> sent;
};

// The fields as the service gets them, in order: "name: value".
std::vector<std::string> told(const Case& given) {
    HeadOnly exchange;
    exchange.client = *net::Address::parse(given.client);
    exchange.head.authority = "shop.example";
    for (const auto& [name, value] : given.sent) exchange.head.headers.add(name, value);
    proxy::Door door;
    door.trusts_callers = given.trust;
    proxy::RequestContext context{.exchange = &exchange, .door = door};
    EXPECT_EQ(ForwardedFilter{}.on_request(context), proxy::Filter::Verdict::proceed);
    std::vector<std::string> lines;
    for (const codec::Header& header : exchange.head.headers) {
        lines.push_back(fmt::format("{}: {}", header.name, header.value));
    }
    return lines;
}

using Lines = std::vector<std::string>;

TEST(Forwarded, says_who_the_client_is) {
    EXPECT_EQ(told({.sent = {{"Accept", "*/*"}}}),
              (Lines{"Accept: */*", R"(forwarded: for=192.0.2.60;host="shop.example";proto=http)",
                     "x-forwarded-for: 192.0.2.60", "x-forwarded-host: shop.example", "x-forwarded-proto: http"}));
}

TEST(Forwarded, writes_every_byte_of_an_address) {
    EXPECT_EQ(told({.client = "0.10.100.255:1"})[1], "x-forwarded-for: 0.10.100.255");
    EXPECT_EQ(told({.client = "255.255.255.255:1"})[1], "x-forwarded-for: 255.255.255.255");
}

TEST(Forwarded, an_ipv6_client_is_quoted_in_one_field_and_plain_in_the_other) {
    const Lines lines = told({.client = "[2001:db8::17]:4711"});
    EXPECT_EQ(lines[0], R"(forwarded: for="[2001:db8::17]";host="shop.example";proto=http)");
    EXPECT_EQ(lines[1], "x-forwarded-for: 2001:db8::17");
}

TEST(Forwarded, a_client_cannot_say_it_is_somebody_else) {
    const Lines lines = told({.sent = {{"Forwarded", "for=10.0.0.1"},
                                       {"x-forwarded-FOR", "10.0.0.1"},
                                       {"X-Forwarded-For", "10.0.0.2"},
                                       {"X-Forwarded-Host", "admin.example"},
                                       {"X-Forwarded-Proto", "https"},
                                       {"X-Forwarded-Port", "443"},
                                       {"X-Real-IP", "10.0.0.1"},
                                       {"X-Real-Ipsum", "kept"}}});
    EXPECT_EQ(lines,
              (Lines{"X-Real-Ipsum: kept", R"(forwarded: for=192.0.2.60;host="shop.example";proto=http)",
                     "x-forwarded-for: 192.0.2.60", "x-forwarded-host: shop.example", "x-forwarded-proto: http"}));
}

TEST(Forwarded, behind_a_trusted_proxy_the_chain_grows_and_its_word_is_kept) {
    const Lines lines = told({.trust = true,
                              .sent = {{"Forwarded", "for=203.0.113.9;proto=https"},
                                       {"X-Forwarded-For", "203.0.113.9"},
                                       {"X-Forwarded-For", "198.51.100.2"},
                                       {"X-Forwarded-Host", "www.example"},
                                       {"X-Forwarded-Proto", "https"},
                                       {"X-Forwarded-Port", "443"},
                                       {"X-Real-IP", "203.0.113.9"}}});
    EXPECT_EQ(lines, (Lines{"X-Forwarded-Host: www.example", "X-Forwarded-Proto: https", "X-Forwarded-Port: 443",
                            "X-Real-IP: 203.0.113.9",
                            R"(forwarded: for=203.0.113.9;proto=https, for=192.0.2.60;host="shop.example";proto=http)",
                            "x-forwarded-for: 203.0.113.9, 198.51.100.2, 192.0.2.60"}));
}

TEST(Forwarded, empty_claims_are_left_out_of_the_chain) {
    EXPECT_EQ(told({.trust = true, .sent = {{"X-Forwarded-For", ""}}})[1], "x-forwarded-for: 192.0.2.60");
}

}  // namespace
}  // namespace tl::gateway
