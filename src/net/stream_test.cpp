// Streams over TCP, Unix sockets and socket pairs: edges, ends, resets, connecting, listening.
#include "net/stream.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/listener.h"
#include "rt/gate.h"

namespace tl::net {

using namespace std::chrono_literals;

namespace {

rt::Wait soon() { return rt::this_loop().within(5s); }

struct Pair {
    std::unique_ptr<Stream> near;
    std::unique_ptr<Stream> far;
};

enum class Kind : uint8_t { pair, tcp, unix_path };

rt::Task<Pair> make_pair(Kind kind) {
    if (kind == Kind::pair) {
        auto ends = Stream::pair();
        co_return Pair{std::move(ends->first), std::move(ends->second)};
    }
    const std::string path = "/tmp/tl_stream_test." + std::to_string(::getpid());
    const Address where = kind == Kind::tcp ? Address::loopback(0) : *Address::unix_path(path);
    Listener listener;
    const auto fd = open_listener(where, {});
    EXPECT_TRUE(fd && listener.start(*fd));
    auto near = co_await connect(kind == Kind::tcp ? listener.address() : where, soon());
    auto far = co_await listener.accept(soon());
    EXPECT_TRUE(near && far);
    if (kind == Kind::unix_path) ::unlink(path.c_str());
    co_return Pair{std::move(*near), std::move(*far)};
}

void run(rt::Task<void> (*story)(Kind)) {
    for (const Kind kind : {Kind::pair, Kind::tcp, Kind::unix_path}) {
        rt::Loop loop;
        loop.run_until_done(story(kind));
    }
}

}  // namespace

TEST(Stream, no_byte_and_no_end_is_missed_whatever_comes_between_the_reads) {
    run([](Kind kind) -> rt::Task<void> {
        // For each way that bytes and the end can fall between a short read and the wait for more.
        for (int way = 0; way < 16; ++way) {
            Pair pair = co_await make_pair(kind);
            const auto pause = [way](int bit) { return rt::sleep((way >> bit & 1) != 0 ? 1ms : 0ms); };
            auto writer = [](Stream& far, auto rest) -> rt::Task<void> {
                const auto first = co_await far.write_all("abc", soon());
                EXPECT_TRUE(first.has_value());
                co_await rest(0);
                const auto second = co_await far.write_all("def", soon());
                EXPECT_TRUE(second.has_value());
                co_await rest(1);
                far.shutdown_write();
            };
            rt::Gate gate;
            gate.spawn("writer", writer(*pair.far, pause));
            std::string text;
            char bytes[8];  // always larger than what is there: each read is short
            for (;;) {
                co_await pause(2);
                const auto got = co_await pair.near->read_some(bytes, soon());
                EXPECT_TRUE(got.has_value());
                if (!got || *got == 0) break;
                text.append(bytes, *got);
                co_await pause(3);
            }
            EXPECT_EQ(text, "abcdef");
            const auto back = co_await pair.near->write_all("answer", soon());  // half closed: still writable
            EXPECT_TRUE(back.has_value());
            const auto answer = co_await pair.far->read_some(bytes, soon());
            EXPECT_TRUE(answer && *answer == 6);
            co_await gate.closed();
        }
    });
}

TEST(Stream, a_reader_that_waits_is_woken_by_the_end) {
    run([](Kind kind) -> rt::Task<void> {
        Pair pair = co_await make_pair(kind);
        auto closes = [](std::unique_ptr<Stream> far) -> rt::Task<void> {
            co_await rt::sleep(1ms);
            far.reset();
        };
        rt::Gate gate;
        gate.spawn("closes", closes(std::move(pair.far)));
        char byte = 0;
        const auto got = co_await pair.near->read_some({&byte, 1}, soon());
        EXPECT_TRUE(got && *got == 0);
        co_await gate.closed();
    });
}

TEST(Stream, a_blocked_writer_goes_on_when_the_peer_reads_and_fails_when_it_leaves) {
    run([](Kind kind) -> rt::Task<void> {
        Pair pair = co_await make_pair(kind);
        auto drains = [](Stream& far, size_t bytes) -> rt::Task<void> {
            co_await rt::sleep(2ms);
            std::vector<char> room(100'000);
            while (bytes > 0) {
                const auto got = co_await far.read_some(room, soon());
                EXPECT_TRUE(got && *got > 0);
                if (!got || *got == 0) co_return;
                bytes -= *got;
            }
        };
        std::string much;
        much.resize(10'000'000, 'x');
        rt::Gate gate;
        gate.spawn("drains", drains(*pair.far, much.size()));
        const auto sent = co_await pair.near->write_all(much, soon());
        EXPECT_TRUE(sent.has_value());
        co_await gate.closed();
        const auto timed = co_await pair.near->write_all(much, rt::this_loop().within(5ms));
        EXPECT_EQ(timed.error().code, base::Code::timeout);
        pair.far.reset();
        const auto gone = co_await pair.near->write_all(much, soon());
        EXPECT_FALSE(gone.has_value());
        EXPECT_NE(gone.error().code, base::Code::timeout);
    });
}

TEST(Stream, a_reset_is_told_as_a_reset) {
    rt::Loop loop;
    loop.run_until_done([]() -> rt::Task<void> {
        Pair pair = co_await make_pair(Kind::tcp);
        pair.far->reset_on_close();
        pair.far.reset();
        char byte = 0;
        const auto got = co_await pair.near->read_some({&byte, 1}, soon());
        EXPECT_FALSE(got.has_value());
        EXPECT_EQ(got.error().code, base::Code::reset);
        co_await rt::sleep(1ms);
        EXPECT_TRUE(pair.near->readiness().hung_up());
    }());
}

TEST(Stream, connecting_to_nobody_is_an_error_that_may_be_retried_and_names_the_address) {
    rt::Loop loop;
    loop.run_until_done([]() -> rt::Task<void> {
        Listener listener;
        const auto fd = open_listener(Address::loopback(0), {});
        EXPECT_TRUE(listener.start(*fd).has_value());
        const Address where = listener.address();
        listener.close();
        const auto made = co_await connect(where, soon());
        EXPECT_FALSE(made.has_value());
        EXPECT_TRUE(made.error().retryable);
        EXPECT_EQ(made.error().side, base::Side::upstream);
        EXPECT_NE(made.error().message().find(where.to_string()), std::string::npos);
    }());
}

TEST(Listener, closing_it_ends_the_accept_that_waits) {
    rt::Loop loop;
    loop.run_until_done([]() -> rt::Task<void> {
        Listener listener;
        const auto fd = open_listener(Address::loopback(0), {});
        EXPECT_TRUE(listener.start(*fd).has_value());
        auto accepts = [](Listener& on, bool& ended) -> rt::Task<void> {
            const auto got = co_await on.accept({});
            ended = !got && got.error().code == base::Code::cancelled;
        };
        bool ended = false;
        rt::Gate gate;
        gate.spawn("accepts", accepts(listener, ended));
        listener.close();
        co_await gate.closed(soon());
        EXPECT_TRUE(ended);
    }());
}

TEST(Listener, lack_of_descriptors_is_waited_out_and_a_socket_that_does_not_listen_is_an_error) {
    rt::Loop loop;
    loop.run_until_done([]() -> rt::Task<void> {
        Listener listener;
        const auto fd = open_listener(Address::loopback(0), {});
        EXPECT_TRUE(listener.start(*fd).has_value());
        auto client = co_await connect(listener.address(), soon());
        rlimit before{};
        ::getrlimit(RLIMIT_NOFILE, &before);
        const rlimit none{.rlim_cur = 3, .rlim_max = before.rlim_max};
        ::setrlimit(RLIMIT_NOFILE, &none);
        auto restores = [](rlimit limit) -> rt::Task<void> {
            co_await rt::sleep(20ms);
            ::setrlimit(RLIMIT_NOFILE, &limit);
        };
        rt::Gate gate;
        gate.spawn("restores", restores(before));
        const auto got = co_await listener.accept(soon());
        EXPECT_TRUE(got.has_value());
        co_await gate.closed();
        Listener deaf;
        EXPECT_TRUE(deaf.start(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)).has_value());
        const auto never = co_await deaf.accept(soon());
        EXPECT_FALSE(never.has_value());
    }());
}

TEST(Listener, a_port_that_is_taken_names_its_holder) {
    const auto first = open_listener(Address::loopback(0), {});
    ASSERT_TRUE(first.has_value());
    sockaddr_storage raw{};
    socklen_t length = sizeof raw;
    ::getsockname(*first, reinterpret_cast<sockaddr*>(&raw), &length);
    const Address where = Address::from_raw(reinterpret_cast<sockaddr*>(&raw), length);
    const auto second = open_listener(where, {});
    ASSERT_FALSE(second.has_value());
    EXPECT_NE(second.error().message().find("process " + std::to_string(::getpid())), std::string::npos)
        << second.error().message();
    ::close(*first);
}

TEST(Advance, drops_exactly_what_was_written) {
    for (size_t written = 0; written <= 6; ++written) {
        char text[] = "abcdef";
        iovec raw[] = {{text, 1}, {text + 1, 0}, {text + 1, 3}, {text + 4, 2}};
        std::span<iovec> parts{raw};
        advance(parts, written);
        std::string left;
        for (const iovec& part : parts) left.append(static_cast<char*>(part.iov_base), part.iov_len);
        EXPECT_EQ(left, std::string_view{"abcdef"}.substr(written));
        if (written == 6) EXPECT_TRUE(parts.empty());
    }
}

TEST(Stream, that_is_always_full_gives_others_their_turn_and_loses_nothing) {
    run([](Kind kind) -> rt::Task<void> {
        Pair pair = co_await make_pair(kind);
        constexpr size_t kAll = 4 << 20;
        rt::Gate gate;
        gate.spawn("writer", [](Stream& far) -> rt::Task<void> {
            const std::string bytes(kAll, 'x');
            const auto sent = co_await far.write_all(bytes, soon());
            EXPECT_TRUE(sent.has_value());
            far.shutdown_write();
        }(*pair.far));
        std::vector<char> room(16 << 10);
        size_t got = 0;
        size_t most = 0;
        size_t in_turn = 0;
        for (uint64_t turn = 0;;) {
            const auto some = co_await pair.near->read_some(room, soon());
            EXPECT_TRUE(some.has_value());
            if (!some || *some == 0) break;
            const uint64_t now = rt::this_loop().turns();
            in_turn = now == turn ? in_turn + *some : *some;
            turn = now;
            most = std::max(most, in_turn);
            got += *some;
        }
        EXPECT_EQ(got, kAll);
        EXPECT_LE(most, rt::Readiness::kMostInATurn + room.size());
        co_await gate.closed();
    });
}

TEST(Stream, that_has_had_its_share_can_be_looked_at_all_the_same) {
    rt::Loop loop;
    loop.run_until_done([]() -> rt::Task<void> {
        Pair pair = co_await make_pair(Kind::pair);
        const std::string bytes(rt::Readiness::kMostInATurn, 'x');
        iovec part{const_cast<char*>(bytes.data()), bytes.size()};
        const int size = 1 << 20;
        ::setsockopt(pair.far->fd(), SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
        EXPECT_EQ(pair.far->try_write({&part, 1}).bytes, bytes.size());
        iovec last{part.iov_base, 1};
        EXPECT_EQ(pair.far->try_write({&last, 1}).bytes, 1U);
        std::vector<char> room(bytes.size());
        EXPECT_EQ(pair.near->try_read(room).bytes, room.size());
        EXPECT_TRUE(pair.near->readiness().held());
        EXPECT_EQ(pair.near->try_read(room).status, IoStatus::again);
        pair.near->readiness().let_go();
        EXPECT_EQ(pair.near->try_read(room).bytes, 1U);
        co_return;
    }());
}

}  // namespace tl::net
