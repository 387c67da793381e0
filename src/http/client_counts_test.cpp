#include "http/client_counts.h"

#include <gtest/gtest.h>

namespace tl::http {

TEST(ClientCounts, lets_a_client_have_so_many_and_others_theirs) {
    ClientCounts counts;
    const ClientKey one = ClientKey::of(net::Address::from_ip("10.0.0.1", 1000).value());
    const ClientKey other = ClientKey::of(net::Address::from_ip("10.0.0.2", 1000).value());
    EXPECT_TRUE(counts.take(one, 2));
    EXPECT_TRUE(counts.take(ClientKey::of(net::Address::from_ip("10.0.0.1", 2000).value()), 2));
    EXPECT_FALSE(counts.take(one, 2));
    EXPECT_TRUE(counts.take(other, 2));
    counts.give(one);
    EXPECT_TRUE(counts.take(one, 2));
    counts.give(one);
    counts.give(one);
    counts.give(other);
    EXPECT_EQ(counts.clients(), 0U);  // nothing is kept of who has gone
}

TEST(ClientCounts, takes_a_64_of_ipv6_for_one_client_and_counts_no_unix_sockets) {
    const auto key = [](const char* ip) { return ClientKey::of(net::Address::from_ip(ip, 1).value()); };
    EXPECT_EQ(key("2001:db8:0:1::1"), key("2001:db8:0:1:ffff::9"));
    EXPECT_NE(key("2001:db8:0:1::1"), key("2001:db8:0:2::1"));
    EXPECT_NE(key("::1"), key("127.0.0.1"));
    EXPECT_TRUE(key("::1").known());
    ClientCounts counts;
    for (int i = 0; i < 10; ++i) EXPECT_TRUE(counts.take(ClientKey::of(net::Address::unix_path("/x").value()), 1));
    EXPECT_TRUE(counts.take(key("::1"), 0));
    EXPECT_EQ(counts.clients(), 0U);
}

}  // namespace tl::http
