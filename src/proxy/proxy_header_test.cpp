#include "proxy/proxy_header.h"

#include <gtest/gtest.h>

namespace tl::proxy {

namespace {

net::Address at(std::string_view text) { return net::Address::parse(text).value(); }

}  // namespace

TEST(ProxyHeader, v1_names_both_addresses_in_words) {
    EXPECT_EQ(make_proxy_header(ProxyHeader::v1, at("10.0.0.7:50000"), at("192.168.1.1:5432")),
              "PROXY TCP4 10.0.0.7 192.168.1.1 50000 5432\r\n");
    EXPECT_EQ(make_proxy_header(ProxyHeader::v1, at("[2001:db8::7]:50000"), at("[::1]:5432")),
              "PROXY TCP6 2001:db8::7 ::1 50000 5432\r\n");
}

TEST(ProxyHeader, v2_names_both_addresses_in_bytes) {
    const std::string header = make_proxy_header(ProxyHeader::v2, at("10.0.0.7:258"), at("192.168.1.1:5432"));
    EXPECT_EQ(header,
              (std::string{"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x0a\0\0\x07\xc0\xa8\x01\x01\x01\x02\x15\x38", 28}));
    const std::string six = make_proxy_header(ProxyHeader::v2, at("[::1]:1"), at("[::1]:2"));
    EXPECT_EQ(six.substr(12, 4), (std::string{"\x21\x21\0\x24", 4}));
    EXPECT_EQ(six.size(), 16U + 36U);
}

TEST(ProxyHeader, says_that_it_does_not_know_where_there_are_no_addresses_of_one_family) {
    EXPECT_EQ(make_proxy_header(ProxyHeader::v1, at("unix:/run/x"), at("127.0.0.1:1")), "PROXY UNKNOWN\r\n");
    EXPECT_EQ(make_proxy_header(ProxyHeader::v2, at("127.0.0.1:1"), at("[::1]:1")),
              (std::string{"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", 16}));
    EXPECT_EQ(make_proxy_header(ProxyHeader::none, at("127.0.0.1:1"), at("127.0.0.1:2")), "");
}

}  // namespace tl::proxy
