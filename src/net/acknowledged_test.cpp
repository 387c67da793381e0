#include "net/acknowledged.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/listener.h"

namespace tl::net {

using namespace std::chrono_literals;

namespace {

// A connection of which the test holds both ends: ours as a stream, the service's as a descriptor.
rt::Task<void> with_connection(void (*check)(Stream&, int service)) {
    const auto listener = open_listener(Address::loopback(0), {});
    EXPECT_TRUE(listener.has_value());
    auto stream = co_await connect(Address::loopback(bound_port(*listener)), rt::this_loop().within(2s));
    EXPECT_TRUE(stream.has_value());
    const int service = ::accept(*listener, nullptr, nullptr);
    check(**stream, service);
    ::close(*listener);
}

void write(Stream& stream, std::string_view text) {
    const iovec part{const_cast<char*>(text.data()), text.size()};
    EXPECT_EQ(stream.try_write({&part, 1}).bytes, text.size());
}

}  // namespace

TEST(Acknowledged, what_an_open_socket_has_received_counts_even_if_nobody_has_read_it) {
    rt::Loop loop;
    loop.run_until_done(with_connection([](Stream& stream, int service) {
        EXPECT_FALSE(stream.acknowledged_beyond(0));
        write(stream, "GET / HTTP/1.1\r\n\r\n");
        EXPECT_TRUE(stream.acknowledged_beyond(0));
        EXPECT_FALSE(stream.acknowledged_beyond(stream.written()));
        ::close(service);
        EXPECT_TRUE(stream.acknowledged_beyond(0));
    }));
}

TEST(Acknowledged, a_socket_that_was_closed_before_has_received_nothing) {
    rt::Loop loop;
    loop.run_until_done(with_connection([](Stream& stream, int service) {
        write(stream, "first");
        char bytes[16];
        EXPECT_EQ(::read(service, bytes, sizeof bytes), 5);
        ::close(service);
        const uint64_t before = stream.written();
        write(stream, "second");
        EXPECT_FALSE(stream.acknowledged_beyond(before));
    }));
}

}  // namespace tl::net
