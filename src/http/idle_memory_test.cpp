// What an idle connection costs in user space: 10,000 of them must stay under 4 KB each, the kernel's part aside.
#include <malloc.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <vector>

#include "http/http1_session.h"
#include "http/http_testing.h"

namespace tl::http {

namespace {

constexpr size_t kMostBytes = 2048;

#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool kMeasurable = false;
#else
constexpr bool kMeasurable = true;
#endif

// A connection that has served one request and waits for the next; its other end as a bare descriptor.
rt::Task<int> make_idle(Bed& bed) {
    int fds[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    bed.server->serve(std::move(*net::make_stream(fds[0])));
    const std::string_view request = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
    EXPECT_EQ(::send(fds[1], request.data(), request.size(), 0), static_cast<ssize_t>(request.size()));
    char bytes[500];
    while (::recv(fds[1], bytes, sizeof bytes, 0) <= 0) co_await rt::yield();
    co_return fds[1];
}

}  // namespace

TEST(IdleMemory, a_connection_that_waits_for_its_next_request_costs_little) {
    Bed bed{tell};
    bed.most_connections = 1000;
    bed.run([](Bed& b) -> rt::Task<void> {
        std::vector<int> fds;
        size_t before = 0;
        for (int i = 0; i < 400; ++i) {
            if (i == 100) before = mallinfo2().uordblks;  // the caches of frames and blocks are warm
            const int fd = co_await make_idle(b);
            fds.push_back(fd);
        }
        const size_t each = (mallinfo2().uordblks - before) / 300;
        std::printf("an idle connection: %zu bytes; Http1Session %zu, Http1ServerExchange %zu (not held while idle)\n",
                    each, sizeof(Http1Session), sizeof(Http1ServerExchange));
        EXPECT_EQ(b.server->stats().open, 401U);
        if (kMeasurable) EXPECT_LT(each, kMostBytes);
        for (const int fd : fds) ::close(fd);
    });
}

}  // namespace tl::http
