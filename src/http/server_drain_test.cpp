// A server whose socket somebody else goes on with: nobody loses anything, and in the end nothing is left.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/http_testing.h"

namespace tl::http {

namespace {

constexpr std::string_view kGet = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

}  // namespace

TEST(ServerDrain, an_idle_connection_may_ask_once_more_and_is_closed_by_the_answer) {
    Bed bed{tell};
    bed.run([](Bed& b) -> rt::Task<void> {
        co_await b.send(kGet);
        const std::string first = co_await b.receive("GET / ");
        EXPECT_EQ(first, told("GET / "));
        rt::Gate gate;
        gate.spawn("drain", b.server->drain(b.loop.now() + 5s));
        co_await rt::sleep(20ms);
        EXPECT_EQ(gate.count(), 1U) << "it did not wait for the idle connection";
        const std::string last = co_await b.ask(kGet);
        EXPECT_EQ(last, told("GET / ", "Connection: close\r\n"));
        b.client.reset();
        co_await gate.closed();
    });
}

TEST(ServerDrain, what_is_idle_at_the_deadline_is_closed) {
    Bed bed{tell};
    bed.run([](Bed& b) -> rt::Task<void> {
        rt::Gate gate;
        gate.spawn("drain", b.server->drain(b.loop.now() + 30ms));
        const std::string got = co_await b.receive_all();
        EXPECT_EQ(got, "");
        co_await gate.closed();
        EXPECT_EQ(b.server->stats().open, 0U);
    });
}

TEST(ServerDrain, leaves_the_queue_of_the_socket_to_whoever_has_it_too) {
    Bed bed{tell, Link::tcp};
    bed.run([](Bed& b) -> rt::Task<void> {
        co_await b.send(kGet);
        co_await b.receive("GET / ");
        const net::Address where = b.server->address();
        const int other = ::dup(b.server->listener_fd());
        rt::Gate gate;
        gate.spawn("drain", b.server->drain(b.loop.now() + 5s));
        auto late = co_await net::connect(where, b.soon());
        EXPECT_TRUE(late.has_value());
        co_await rt::sleep(20ms);
        EXPECT_EQ(b.server->stats().accepted, 1U);
        const int taken = ::accept4(other, nullptr, nullptr, SOCK_NONBLOCK);
        EXPECT_GE(taken, 0) << "nobody waits in the queue any more";
        ::close(taken);
        ::close(other);
        b.client.reset();
        co_await gate.closed();
    });
}

}  // namespace tl::http
