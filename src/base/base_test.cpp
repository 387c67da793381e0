#include <gtest/gtest.h>

#include "base/error.h"
#include "base/text.h"
#include "base/units.h"

namespace tl::base {

using namespace std::chrono_literals;

TEST(Units, durations_are_read_as_people_write_them) {
    EXPECT_EQ(parse_duration("250ms"), 250ms);
    EXPECT_EQ(parse_duration("1m30s"), 90s);
    EXPECT_EQ(parse_duration("0"), 0s);
    for (const char* bad : {"", "5", "s", "-1s", "1.5s", "1s ", "99999999999999d", "1x"}) {
        EXPECT_FALSE(parse_duration(bad)) << bad;
    }
}

TEST(Units, durations_come_back_as_written) {
    for (const char* text : {"250ms", "2s", "1m30s", "1h", "1d", "0"}) {
        EXPECT_EQ(format_duration(*parse_duration(text)), text);
    }
}

TEST(Units, sizes_are_powers_of_1024) {
    EXPECT_EQ(parse_size("64KB"), 65536U);
    EXPECT_EQ(parse_size("64KiB"), 65536U);
    EXPECT_EQ(parse_size("512"), 512U);
    for (const char* bad : {"", "KB", "1TB", "1KB2", "-1", "99999999999GB"}) EXPECT_FALSE(parse_size(bad)) << bad;
    EXPECT_EQ(format_size(65536), "64KB");
}

TEST(Text, the_nearest_name_is_one_a_person_could_have_meant) {
    const std::vector<std::string> names{"orders", "payments", "users"};
    EXPECT_EQ(nearest("order", names), "orders");
    EXPECT_EQ(nearest("Payemnts", names), "payments");
    EXPECT_EQ(nearest("kubernetes", names), "");
}

TEST(Text, outside_text_cannot_move_the_cursor) { EXPECT_EQ(printable("a\033[2Jb\n"), "a\\x1b[2Jb\\x0a"); }

TEST(Errors, a_message_names_its_causes) {
    const Error error = Error{.context = "start orders"}.because(from_errno(2, "open x"));
    EXPECT_EQ(error.message(), "start orders: open x: No such file or directory");
}

}  // namespace tl::base
