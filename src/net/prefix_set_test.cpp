// Networks as people write them, and which addresses are in a set of them.
#include "net/prefix_set.h"

#include <gtest/gtest.h>

namespace tl::net {
namespace {

PrefixSet set_of(const std::vector<std::string>& texts) {
    std::vector<Prefix> prefixes;
    for (const std::string& text : texts) {
        const auto prefix = Prefix::parse(text);
        EXPECT_TRUE(prefix) << text;
        if (prefix) prefixes.push_back(*prefix);
    }
    return PrefixSet{prefixes};
}

bool has(const PrefixSet& set, const std::string& ip) { return set.contains(*Address::from_ip(ip, 1)); }

TEST(Prefix, reads_what_it_writes) {
    for (const char* const text :
         {"10.0.0.0/8", "192.0.2.7", "0.0.0.0/0", "::/0", "2001:db8::/32", "::1", "10.1.0.0/17"}) {
        const auto prefix = Prefix::parse(text);
        ASSERT_TRUE(prefix) << text;
        EXPECT_EQ(Prefix::text_of(*prefix), text);
    }
}

TEST(Prefix, refuses_what_is_no_network) {
    for (const char* const text : {"", "10", "10.0.0/8", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/+8",
                                   "10.0.0.0/8/8", "010.0.0.0/8", "::/129", "localhost", "10.0.0.0 /8", "[::1]"}) {
        EXPECT_FALSE(Prefix::parse(text)) << text;
    }
    const auto loose = Prefix::parse("10.1.2.3/8");
    ASSERT_FALSE(loose);
    EXPECT_EQ(loose.error(), "has bits behind the network; did you mean 10.0.0.0/8?");
}

TEST(PrefixSet, has_what_is_inside_up_to_both_ends) {
    const PrefixSet set = set_of({"10.0.0.0/8", "192.0.2.7", "192.168.4.0/22", "2001:db8::/32"});
    for (const char* const ip :
         {"10.0.0.0", "10.255.255.255", "192.0.2.7", "192.168.7.255", "2001:db8::", "2001:db8:ffff::1"})
        EXPECT_TRUE(has(set, ip)) << ip;
    for (const char* const ip : {"9.255.255.255", "11.0.0.0", "192.0.2.6", "192.0.2.8", "192.168.3.255", "192.168.8.0",
                                 "2001:db7:ffff::", "2001:db9::", "::1", "0.0.0.0"})
        EXPECT_FALSE(has(set, ip)) << ip;
    EXPECT_FALSE(set.contains(*Address::unix_path("/tmp/x")));
}

TEST(PrefixSet, everything_of_one_version_is_nothing_of_the_other_but_mapped_addresses_are_v4) {
    EXPECT_TRUE(has(set_of({"0.0.0.0/0"}), "255.255.255.255"));
    EXPECT_TRUE(has(set_of({"0.0.0.0/0"}), "::ffff:203.0.113.9"));
    EXPECT_FALSE(has(set_of({"0.0.0.0/0"}), "2001:db8::1"));
    EXPECT_TRUE(has(set_of({"10.0.0.0/8"}), "::ffff:10.1.2.3"));
}

TEST(PrefixSet, networks_that_overlap_or_touch_become_one) {
    EXPECT_EQ(set_of({"10.0.0.0/8", "10.2.0.0/16", "10.0.0.0/8"}).ranges(), 1U);
    EXPECT_EQ(set_of({"10.0.0.0/9", "10.128.0.0/9"}).ranges(), 1U);
    EXPECT_EQ(set_of({"10.0.0.0/9", "10.129.0.0/16"}).ranges(), 2U);
    EXPECT_EQ(set_of({"::/0", "10.0.0.0/8"}).ranges(), 1U);
}

}  // namespace
}  // namespace tl::net
