// Streams whose connection is joined with the other end in the kernel: what they promise is what TCP's keep. Skipped
// where the kernel or the rights do not allow it.
#include "net/shortcut.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "net/listener.h"
#include "rt/gate.h"
#include "sockmap/joiner.h"

namespace tl::net {

using namespace std::chrono_literals;

namespace {

rt::Wait soon() { return rt::this_loop().within(10s); }

// Ours as a stream, the other program's end as a descriptor that blocks.
struct Pair {
    std::unique_ptr<Stream> ours;
    int theirs = -1;
};

rt::Task<Pair> connect_joined(const sockmap::Joiner& joiner) {
    const auto listener = open_listener(Address::loopback(0), {});
    EXPECT_TRUE(listener.has_value());
    auto stream = co_await connect(Address::loopback(bound_port(*listener)), soon(), {.joiner = &joiner, .group = 0});
    EXPECT_TRUE(stream.has_value());
    const int theirs = ::accept(*listener, nullptr, nullptr);
    ::close(*listener);
    co_return Pair{std::move(*stream), theirs};
}

std::string read_all(int socket) {
    std::string text;
    char bytes[65536];
    for (ssize_t got = 0; (got = ::read(socket, bytes, sizeof bytes)) > 0;)
        text.append(bytes, static_cast<size_t>(got));
    return text;
}

std::string pattern(size_t size) {
    std::string text(size, '\0');
    for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 7 + i / 256);
    return text;
}

}  // namespace

class Shortcuts : public testing::Test {
  protected:
    void SetUp() override {
        auto loaded = sockmap::Joiner::load();
        if (!loaded) GTEST_SKIP() << "cannot be tested here: " << loaded.error().message();
        joiner_ = std::move(*loaded);
    }
    void run(rt::Task<void> (*story)(const sockmap::Joiner&)) {
        rt::Loop loop;
        loop.run_until_done(story(*joiner_));
    }
    std::unique_ptr<sockmap::Joiner> joiner_;
};

TEST_F(Shortcuts, a_writer_waits_for_a_reader_without_room_and_goes_on) {
    run([](const sockmap::Joiner& joiner) -> rt::Task<void> {
        Pair pair = co_await connect_joined(joiner);
        const std::string text = pattern(16 << 20);
        size_t taken = 0;
        for (;;) {
            const iovec part{const_cast<char*>(text.data()) + taken, std::min<size_t>(text.size() - taken, 65536)};
            const IoResult result = pair.ours->try_write({&part, 1});
            if (result.status != IoStatus::ok) {
                EXPECT_EQ(result.status, IoStatus::again);
                break;
            }
            taken += result.bytes;
        }
        EXPECT_LT(taken, text.size() / 2);  // or nothing bounds what waits
        EXPECT_GT(joiner.joined_bytes(pair.ours->fd()), 0U);
        std::string arrived;
        std::thread reader([&] { arrived = read_all(pair.theirs); });
        const auto written = co_await pair.ours->write_all(std::string_view{text}.substr(taken), soon());
        EXPECT_TRUE(written.has_value());
        pair.ours->shutdown_write();
        reader.join();
        EXPECT_TRUE(arrived == text);
        EXPECT_EQ(joiner.joined_bytes(pair.ours->fd()), text.size());
        ::close(pair.theirs);
    });
}

TEST_F(Shortcuts, what_comes_by_tcp_behind_a_full_queue_is_read_without_another_edge) {
    run([](const sockmap::Joiner& joiner) -> rt::Task<void> {
        Pair pair = co_await connect_joined(joiner);
        const std::string text = pattern(16 << 20);
        std::thread writer([&] {
            for (size_t sent = 0; sent < text.size();) {
                const ssize_t put =
                    ::send(pair.theirs, text.data() + sent, std::min<size_t>(text.size() - sent, 50'000), 0);
                if (put <= 0) break;
                sent += static_cast<size_t>(put);
            }
            ::shutdown(pair.theirs, SHUT_WR);
        });
        const uint64_t before = joiner.strays();
        for (int i = 0; i < 10'000 && joiner.strays() == before; ++i) co_await rt::sleep(1ms);
        EXPECT_GT(joiner.strays(), before);
        std::string arrived;
        std::string room(3 << 20, '\0');  // larger than all that waits: each read is short
        for (;;) {
            const auto got = co_await pair.ours->read_some(room, soon());
            EXPECT_TRUE(got.has_value());
            if (!got || *got == 0) break;
            arrived.append(room, 0, *got);
        }
        writer.join();
        EXPECT_TRUE(arrived == text);
        ::close(pair.theirs);
    });
}

TEST_F(Shortcuts, bytes_past_tcp_count_as_received_and_those_behind_a_close_do_not) {
    run([](const sockmap::Joiner& joiner) -> rt::Task<void> {
        Pair pair = co_await connect_joined(joiner);
        const auto first = co_await pair.ours->write_all("first", soon());
        EXPECT_TRUE(first.has_value());
        EXPECT_TRUE(pair.ours->acknowledged_beyond(0));
        char bytes[16];
        EXPECT_EQ(::read(pair.theirs, bytes, sizeof bytes), 5);
        ::close(pair.theirs);
        const uint64_t before = pair.ours->written();
        const auto second = co_await pair.ours->write_all("second", soon());
        EXPECT_TRUE(second.has_value());
        EXPECT_FALSE(pair.ours->acknowledged_beyond(before));
    });
}

TEST_F(Shortcuts, a_broken_connection_is_an_error_and_no_lack_of_room) {
    run([](const sockmap::Joiner& joiner) -> rt::Task<void> {
        Pair pair = co_await connect_joined(joiner);
        const linger now{.l_onoff = 1, .l_linger = 0};
        ::setsockopt(pair.theirs, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        ::close(pair.theirs);
        co_await rt::sleep(1ms);
        const auto written = co_await pair.ours->write_all("more", soon());
        EXPECT_FALSE(written.has_value());
    });
}

}  // namespace tl::net
