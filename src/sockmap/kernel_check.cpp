#include "sockmap/kernel_check.h"

#include <fmt/format.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "sockmap/joiner.h"
#include "sockmap/layout.h"
#include "sockmap/loopback.h"

namespace tl::sockmap {

namespace {

using base::fail;

constexpr size_t kPiece = 64 * 1024;

base::Error not_exact(std::string_view what) {
    return {.code = base::Code::unavailable,
            .context = fmt::format("this kernel does not keep joined connections exact: {}", what)};
}

std::string pattern(size_t bytes, uint32_t seed) {
    std::string text(bytes, '\0');
    for (char& c : text) c = static_cast<char>((seed = seed * 1664525 + 1013904223) >> 24);
    return text;
}

// As many as are there, or all of `want`.
std::string read_up_to(int socket, size_t want) {
    std::string text(want, '\0');
    size_t have = 0;
    while (have < want) {
        const ssize_t got = ::recv(socket, text.data() + have, want - have, 0);
        if (got <= 0) break;
        have += static_cast<size_t>(got);
    }
    text.resize(have);
    return text;
}

// Writes without waiting until the other end takes no more; the bytes taken.
size_t fill(int socket, const std::string& piece, size_t most, int& error) {
    size_t sent = 0;
    while (sent < most) {
        const size_t from = sent % piece.size();
        const ssize_t put = ::send(socket, piece.data() + from, piece.size() - from, MSG_DONTWAIT | MSG_NOSIGNAL);
        error = put < 0 ? errno : 0;
        if (put < 0) break;
        sent += static_cast<size_t>(put);
    }
    return sent;
}

// Both ways, counted before they are read, and the end of one way while the other stays open.
base::Result<void> test_order(Joiner& joiner, Ours ours, int family) {
    const uint64_t before = joiner.counts("self-test").joined;
    auto pair = make_loopback(joiner, ours, family);
    if (!pair) return fail(std::move(pair.error()));
    if (joiner.counts("self-test").joined != before + 1) return fail(not_exact("a connection was not joined"));
    const std::string text = pattern(kPiece, 7);
    for (const auto& [from, to] : {std::pair{pair->connected, pair->accepted}, {pair->accepted, pair->connected}}) {
        if (::send(from, text.data(), text.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(text.size())) {
            return fail(not_exact("a message was not taken"));
        }
        int waiting = 0;
        if (::ioctl(to, SIOCINQ, &waiting) != 0 || static_cast<size_t>(waiting) != text.size()) {
            return fail(not_exact("FIONREAD does not count what waits"));
        }
        if (read_up_to(to, text.size()) != text) return fail(not_exact("bytes changed"));
    }
    const bool past = joiner.joined_bytes(ours == Ours::connects ? pair->connected : pair->accepted) == text.size();
    if (!past) return fail(not_exact("bytes went by TCP"));
    ::send(pair->connected, text.data(), text.size(), MSG_NOSIGNAL);
    ::shutdown(pair->connected, SHUT_WR);
    if (read_up_to(pair->accepted, text.size() + 1) != text) return fail(not_exact("the end came early"));
    if (::send(pair->accepted, text.data(), text.size(), MSG_NOSIGNAL) < 0) return fail(not_exact("half-close"));
    if (read_up_to(pair->connected, text.size()) != text) return fail(not_exact("bytes after a half-close"));
    if (::send(pair->connected, "x", 1, MSG_NOSIGNAL) >= 0) return fail(not_exact("a write after the end"));
    return {};
}

// Our writes are turned away above the bound, the other end's go on by TCP until that is full, in order.
base::Result<void> test_slow_reader(Joiner& joiner, Ours ours) {
    auto pair = make_loopback(joiner, ours, AF_INET);
    if (!pair) return fail(std::move(pair.error()));
    const int our = ours == Ours::connects ? pair->connected : pair->accepted;
    const int their = ours == Ours::connects ? pair->accepted : pair->connected;
    const std::string piece = pattern(kPiece, 11);
    int error = 0;
    size_t sent = fill(our, piece, 64 * kJoinMostUnread, error);
    if (error != EPIPE || sent > 4 * kJoinMostUnread) return fail(not_exact("a reader's memory is not bounded"));
    for (size_t left = sent; left > 0;) {
        const size_t part = std::min(left, kPiece);
        if (read_up_to(their, part) != piece.substr(0, part)) return fail(not_exact("bytes to a slow reader"));
        left -= part;
    }
    if (::send(our, piece.data(), 1, MSG_NOSIGNAL) != 1) return fail(not_exact("a writer is not let go on"));
    sent = fill(their, piece, 64 * kJoinMostUnread, error);
    if (error != EAGAIN) return fail(not_exact("a slow reader does not hold the writer back"));
    for (size_t left = sent; left > 0;) {
        const size_t part = std::min(left, kPiece);
        if (read_up_to(our, part) != piece.substr(0, part)) return fail(not_exact("bytes from a fast writer"));
        left -= part;
    }
    return {};
}

}  // namespace

base::Result<void> test_kernel(Joiner& joiner) {
    for (const Ours ours : {Ours::connects, Ours::accepts}) {
        TL_TRY(test_order(joiner, ours, AF_INET));
        TL_TRY(test_slow_reader(joiner, ours));
    }
    return {};
}

}  // namespace tl::sockmap
