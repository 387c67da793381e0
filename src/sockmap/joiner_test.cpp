// What must hold between the two ends of a joined connection, with real sockets and the real kernel. Skipped where
// that does not allow it.
#include "sockmap/joiner.h"

#include <gtest/gtest.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <random>
#include <thread>

#include "sockmap/layout.h"
#include "sockmap/loopback.h"

namespace tl::sockmap {
namespace {

class Joined : public testing::TestWithParam<Ours> {
  protected:
    void SetUp() override {
        auto loaded = Joiner::load();
        if (!loaded) GTEST_SKIP() << "cannot be tested here: " << loaded.error().message();
        joiner_ = std::move(*loaded);
    }
    Loopback pair(int family = AF_INET) {
        auto made = make_loopback(*joiner_, GetParam(), family);
        EXPECT_TRUE(made) << made.error().message();
        return std::move(*made);
    }
    int ours(const Loopback& pair) const { return GetParam() == Ours::connects ? pair.connected : pair.accepted; }
    int theirs(const Loopback& pair) const { return GetParam() == Ours::connects ? pair.accepted : pair.connected; }
    uint64_t joined() const { return joiner_->counts("self-test").joined; }

    std::unique_ptr<Joiner> joiner_;
};

std::string receive(int socket, size_t most, int flags = 0) {
    std::string text(most, '\0');
    const ssize_t got = ::recv(socket, text.data(), most, flags);
    text.resize(got > 0 ? static_cast<size_t>(got) : 0);
    return text;
}

size_t put(int socket, std::string_view text) {
    const ssize_t sent = ::send(socket, text.data(), text.size(), MSG_NOSIGNAL);
    return sent > 0 ? static_cast<size_t>(sent) : 0;
}

uint64_t next_hash(uint64_t hash, std::string_view bytes) {
    for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
    return hash;
}

// Random pieces, random pauses of the reader; the digests of both ends. The writer ends when the reader does.
std::pair<uint64_t, uint64_t> stream(int from, int to, size_t bytes, uint32_t seed) {
    uint64_t read_hash = 0;
    std::atomic<size_t> written{0};
    std::atomic<bool> reading{true};
    std::thread reader([&] {
        std::minstd_rand dice{seed};
        for (size_t have = 0; have < bytes;) {
            if (dice() % 64 == 0) std::this_thread::sleep_for(std::chrono::microseconds{dice() % 2000});
            const std::string part = receive(to, 1 + dice() % 200'000);
            if (part.empty()) {
                ADD_FAILURE() << "a read ended with error " << errno << " at byte " << have << " of " << written.load()
                              << " written; a second one gets " << receive(to, 1, MSG_DONTWAIT).size() << ", error "
                              << errno;
                break;
            }
            read_hash = next_hash(read_hash, part);
            have += part.size();
        }
        reading = false;
    });
    std::minstd_rand dice{seed + 1};
    uint64_t written_hash = 0;
    while (written < bytes && reading) {
        std::string part(std::min<size_t>(bytes - written, 1 + dice() % 150'000), '\0');
        for (char& c : part) c = static_cast<char>(dice());
        std::string_view left = part;
        while (!left.empty() && reading) {
            const ssize_t taken = ::send(from, left.data(), left.size(), MSG_NOSIGNAL);
            const int error = taken < 0 ? errno : 0;
            if (error != 0 && error != EPIPE && error != EAGAIN) {
                ADD_FAILURE() << "a write ended with error " << error << " at byte " << written;
                reading = false;
            } else if (taken <= 0) {
                std::this_thread::sleep_for(std::chrono::microseconds{200});
            } else {
                left.remove_prefix(static_cast<size_t>(taken));
                written += static_cast<size_t>(taken);
            }
        }
        written_hash = next_hash(written_hash, part);
    }
    reader.join();
    return {written_hash, read_hash};
}

TEST_P(Joined, connections_of_both_families_are_joined) {
    for (const int family : {AF_INET, AF_INET6}) {
        const uint64_t before = joined();
        const Loopback both = pair(family);
        EXPECT_EQ(joined(), before + 1);
        EXPECT_EQ(put(ours(both), "hello"), 5U);
        EXPECT_EQ(receive(theirs(both), 100), "hello");
        EXPECT_EQ(joiner_->joined_bytes(ours(both)), 5U);
    }
}

TEST_P(Joined, every_byte_arrives_once_and_in_order_both_ways_at_once) {
    const Loopback both = pair();
    std::pair<uint64_t, uint64_t> there;
    std::thread other([&] { there = stream(theirs(both), ours(both), 32 << 20, 3); });
    const auto back = stream(ours(both), theirs(both), 32 << 20, 5);
    other.join();
    EXPECT_EQ(there.first, there.second);
    EXPECT_EQ(back.first, back.second);
}

TEST_P(Joined, what_waits_is_counted_and_can_be_peeked_at) {
    const Loopback both = pair();
    put(ours(both), "hello");
    int waiting = 0;
    EXPECT_EQ(::ioctl(theirs(both), SIOCINQ, &waiting), 0);
    EXPECT_EQ(waiting, 5);
    EXPECT_EQ(receive(theirs(both), 100, MSG_PEEK), "hello");
    EXPECT_EQ(receive(theirs(both), 100), "hello");
}

TEST_P(Joined, the_end_of_one_way_comes_behind_its_bytes_and_leaves_the_other_open) {
    const Loopback both = pair();
    put(theirs(both), "the last word");
    ::shutdown(theirs(both), SHUT_WR);
    EXPECT_EQ(receive(ours(both), 4), "the ");
    EXPECT_EQ(receive(ours(both), 100), "last word");
    EXPECT_EQ(receive(ours(both), 100), "");
    put(ours(both), "an answer");
    EXPECT_EQ(receive(theirs(both), 100), "an answer");
    EXPECT_EQ(put(theirs(both), "more"), 0U);
    EXPECT_EQ(errno, EPIPE);
}

TEST_P(Joined, a_close_is_seen_behind_the_bytes_before_it) {
    Loopback both = pair();
    const int mine = ours(both);
    put(theirs(both), "bye");
    ::close(std::exchange(GetParam() == Ours::connects ? both.accepted : both.connected, -1));
    EXPECT_EQ(receive(mine, 100), "bye");
    EXPECT_EQ(receive(mine, 100), "");
}

TEST_P(Joined, a_reset_is_seen_as_one) {
    Loopback both = pair();
    const int mine = ours(both);
    const linger now{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(theirs(both), SOL_SOCKET, SO_LINGER, &now, sizeof now);
    ::close(std::exchange(GetParam() == Ours::connects ? both.accepted : both.connected, -1));
    EXPECT_EQ(receive(mine, 100), "");
    EXPECT_EQ(errno, ECONNRESET);
}

TEST_P(Joined, a_reader_that_asks_for_more_than_a_byte_is_served_by_tcp) {
    const Loopback both = pair();
    const int least = 10;
    ::setsockopt(theirs(both), SOL_SOCKET, SO_RCVLOWAT, &least, sizeof least);
    put(ours(both), "0123456789");
    EXPECT_EQ(receive(theirs(both), 100), "0123456789");
    EXPECT_EQ(joiner_->joined_bytes(ours(both)), 0U);
}

TEST_P(Joined, what_ends_leaves_nothing_in_the_kernel) {
    {
        const Loopback both = pair();
    }
    for (int i = 0; i < 1000 && joiner_->has_sockets(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds{1});
    EXPECT_FALSE(joiner_->has_sockets());
}

INSTANTIATE_TEST_SUITE_P(Ends, Joined, testing::Values(Ours::connects, Ours::accepts),
                         [](const auto& info) { return info.param == Ours::connects ? "we_connect" : "we_accept"; });

class Foreign : public Joined {};

TEST_P(Foreign, connections_without_an_end_of_ours_are_left_alone) {
    const uint64_t before = joined();
    const Loopback both = pair();
    EXPECT_EQ(joined(), before);
    EXPECT_FALSE(joiner_->has_sockets());
}

TEST_P(Foreign, a_client_of_our_port_at_another_programs_listener_is_left_alone) {
    auto listens = make_loopback(*joiner_, Ours::none, AF_INET);
    ASSERT_TRUE(listens);
    // The port is told to be a door of ours, but the socket that listens there is not.
    const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
    ASSERT_GE(listener, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), length), 0);
    ASSERT_EQ(::listen(listener, 1), 0);
    ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length);
    ASSERT_TRUE(joiner_->open_door(ntohs(address.sin_port)));
    const int client = ::socket(AF_INET, SOCK_STREAM, 0);
    ASSERT_GE(client, 0);
    ASSERT_EQ(::connect(client, reinterpret_cast<sockaddr*>(&address), length), 0);
    const int served = ::accept(listener, nullptr, nullptr);
    EXPECT_FALSE(joiner_->has_sockets());
    for (const int fd : {listener, client, served}) ::close(fd);
}

INSTANTIATE_TEST_SUITE_P(None, Foreign, testing::Values(Ours::none), [](const auto&) { return "nobody"; });

}  // namespace
}  // namespace tl::sockmap
