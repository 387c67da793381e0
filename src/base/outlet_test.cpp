#include "base/outlet.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <string>

namespace tl::base {
namespace {

// Writes lines until no more are taken; how many bytes that were.
size_t fill(const Outlet& outlet, size_t most) {
    const std::string line(999, 'x');
    size_t sum = 0;
    while (sum < most) {
        const size_t taken = outlet.write(line + "\n");
        if (taken == 0) break;
        sum += taken;
    }
    return sum;
}

TEST(Outlet, a_pipe_that_nobody_reads_takes_no_more_instead_of_waiting) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe(ends.data()), 0);
    const Outlet outlet{ends[1]};
    const size_t taken = fill(outlet, 10'000'000);
    EXPECT_GE(taken, 4096U);
    EXPECT_LT(taken, 10'000'000U);
    EXPECT_EQ(taken % 1000, 0U) << "a line was torn";
    std::array<char, 8192> some{};
    ASSERT_GT(::read(ends[0], some.data(), some.size()), 0);
    EXPECT_GT(fill(outlet, 1000), 0U) << "it takes more when it was read";
    ::close(ends[0]);
    ::close(ends[1]);
}

TEST(Outlet, a_socket_that_nobody_reads_takes_no_more_instead_of_waiting) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()), 0);
    const Outlet outlet{ends[1]};
    EXPECT_LT(fill(outlet, 100'000'000), 100'000'000U);
    ::close(ends[0]);
    ::close(ends[1]);
}

TEST(Outlet, one_whose_reader_has_left_swallows_everything) {
    std::signal(SIGPIPE, SIG_IGN);
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe(ends.data()), 0);
    const Outlet outlet{ends[1]};
    ::close(ends[0]);
    EXPECT_EQ(outlet.write("lost"), 4U);
    ::close(ends[1]);
}

}  // namespace
}  // namespace tl::base
