#include "proxy/deadline.h"

#include <gtest/gtest.h>

namespace tl::proxy {

using namespace std::chrono_literals;

TEST(Deadline, reads_what_callers_write) {
    EXPECT_EQ(parse_request_timeout("1500"), 1500ms);
    EXPECT_EQ(parse_request_timeout("1500ms"), 1500ms);
    EXPECT_EQ(parse_request_timeout("1.5s"), 1500ms);
    EXPECT_EQ(parse_request_timeout("0"), 0ms);
    for (const char* wrong : {"", "-1", "s", "1m", "1 s", "1500msx", "nan", "inf", "1e3", "0x10", "86400001"}) {
        EXPECT_FALSE(parse_request_timeout(wrong)) << wrong;
    }
}

TEST(Deadline, reads_and_writes_the_timeout_of_grpc) {
    EXPECT_EQ(parse_grpc_timeout("5S"), 5s);
    EXPECT_EQ(parse_grpc_timeout("250m"), 250ms);
    EXPECT_EQ(parse_grpc_timeout("10u"), 10us);
    EXPECT_EQ(parse_grpc_timeout("99999999H"), 24h);
    for (const char* wrong : {"", "5", "S", "-5S", "+5S", "5s", "123456789S", "5SS", " 5S"}) {
        EXPECT_FALSE(parse_grpc_timeout(wrong)) << wrong;
    }
    base::Arena arena;
    EXPECT_EQ(write_grpc_timeout(250ms, arena), "250000u");
    EXPECT_EQ(write_grpc_timeout(1h, arena), "3600000m");
    EXPECT_EQ(write_grpc_timeout(0s, arena), "0u");
    for (const base::Duration left :
         {base::Duration{1ms}, base::Duration{99s}, base::Duration{100s}, base::Duration{20h}}) {
        EXPECT_EQ(parse_grpc_timeout(write_grpc_timeout(left, arena)), left);
    }
}

}  // namespace tl::proxy
