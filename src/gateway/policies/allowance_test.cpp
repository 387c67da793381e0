// The words of limits as people write them.
#include "gateway/policies/allowance.h"

#include <gtest/gtest.h>

#include "gateway/policies/quota_file.h"

namespace tl::gateway {
namespace {

using namespace std::chrono_literals;

TEST(Allowance, is_read_and_written_back_alike) {
    for (const std::string text : {"100/s", "100/s by client", "5/m by header x-tenant burst 10", "1/10s burst 3",
                                   "7/h by all", "1/d by claim org_id", "3/1m30s by cookie sid"}) {
        const auto read = parse_rate(text);
        ASSERT_TRUE(read.has_value()) << text << ": " << read.error();
        EXPECT_EQ(format_allowance(*read), text);
        EXPECT_EQ(parse_rate(format_allowance(*read)), read);
    }
    EXPECT_EQ(format_allowance(*parse_quota("10000/month by api_key")), "10000/month by api_key");
    EXPECT_EQ(format_allowance(*parse_count("20 by client")), "20 by client");
    EXPECT_EQ(parse_rate("100/s")->period->length, 1s);
}

TEST(Allowance, says_what_is_wrong) {
    const auto wrong = [](auto parsed) { return parsed ? std::string{"nothing"} : parsed.error(); };
    EXPECT_NE(wrong(parse_rate("")).find("whole number"), std::string::npos);
    EXPECT_NE(wrong(parse_rate("0/s")).find("whole number"), std::string::npos);
    EXPECT_NE(wrong(parse_rate("-1/s")).find("whole number"), std::string::npos);
    EXPECT_NE(wrong(parse_rate("99999999999999/s")).find("whole number"), std::string::npos);
    EXPECT_NE(wrong(parse_rate("5/week")).find("per s, m, h, d"), std::string::npos);
    EXPECT_NE(wrong(parse_rate("5/0s")).find("per s, m, h, d"), std::string::npos);
    EXPECT_NE(wrong(parse_rate("5/s by clinet")).find("did you mean \"client\""), std::string::npos);
    EXPECT_NE(wrong(parse_rate("5/s by header")).find("must name it"), std::string::npos);
    EXPECT_NE(wrong(parse_rate("5/s by client x")).find("no name behind it"), std::string::npos);
    EXPECT_NE(wrong(parse_rate("5/s brust 3")).find("\"brust\""), std::string::npos);
    EXPECT_NE(wrong(parse_rate("5/s burst 0")).find("burst"), std::string::npos);
    EXPECT_NE(wrong(parse_quota("5/s")).find("hour, day or month"), std::string::npos);
    EXPECT_NE(wrong(parse_quota("5/day burst 3")).find("\"burst\""), std::string::npos);
    EXPECT_NE(wrong(parse_count("5/s")).find("at a time"), std::string::npos);
}

QuotaFile some_file() {
    return {.quota = "per month by api_key of gateway",
            .per = "month",
            .secret = {1, 0xffffffffffffffff},
            .rows = {{.key = 7, .window = 650, .used = 3, .of = 10, .who = "api_key alice"},
                     {.key = 0xfedcba9876543210, .window = 650, .used = 1, .of = 0, .who = ""}}};
}

TEST(QuotaFile, is_read_as_it_was_written) {
    const auto read = parse_quota_file(format_quota_file(some_file()));
    ASSERT_TRUE(read.has_value()) << read.error().message();
    EXPECT_EQ(read->quota, some_file().quota);
    EXPECT_EQ(read->secret, some_file().secret);
    EXPECT_EQ(read->rows, some_file().rows);
}

TEST(QuotaFile, that_is_cut_or_changed_anywhere_is_damaged) {
    const std::string whole = format_quota_file(some_file());
    for (size_t i = 0; i < whole.size(); ++i) {
        EXPECT_FALSE(parse_quota_file(whole.substr(0, i)).has_value()) << i;
        std::string changed = whole;
        changed[i] = static_cast<char>(changed[i] ^ 1);
        EXPECT_FALSE(parse_quota_file(changed).has_value()) << i;
    }
}

}  // namespace
}  // namespace tl::gateway
