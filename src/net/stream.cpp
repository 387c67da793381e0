#include "net/stream.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "net/acknowledged.h"
#include "sockmap/joiner.h"

namespace tl::net {

namespace {

// glibc's recv and sendmsg are cancellation points of threads, which costs them two atomic operations a call; these are
// not. And one stretch of memory needs no message header.
ssize_t receive(int fd, std::span<char> into) {
    return ::syscall(SYS_recvfrom, fd, into.data(), into.size(), 0, nullptr, nullptr);
}

ssize_t send(int fd, std::span<const iovec> parts) {
    if (parts.size() == 1) {
        return ::syscall(SYS_sendto, fd, parts[0].iov_base, parts[0].iov_len, MSG_NOSIGNAL, nullptr, 0);
    }
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(parts.data());  // sendmsg does not write there
    message.msg_iovlen = parts.size();
    return ::syscall(SYS_sendmsg, fd, &message, MSG_NOSIGNAL);
}

// The other end of a joined connection has no room for more, and no edge will tell when it has: so it is asked.
class Retry final : public rt::Timer {
  public:
    explicit Retry(rt::Readiness& io) : io_(&io) {}
    void on_timer() override { io_->tell(EPOLLOUT); }

  private:
    rt::Readiness* io_;
};

constexpr base::Duration kAskAgain = std::chrono::milliseconds{1};

class SocketStream final : public Stream {
  public:
    SocketStream(int fd, const sockmap::Joiner* joiner, uint64_t strays) : fd_(fd), joiner_(joiner), strays_(strays) {}
    ~SocketStream() override {
        io_.detach();
        ::close(fd_);
    }
    SocketStream(const SocketStream&) = delete;
    SocketStream& operator=(const SocketStream&) = delete;

    IoResult try_read(std::span<char> into) override {
        if (!io_.maybe_readable() || io_.held()) return {IoStatus::again};
        for (;;) {
            const ssize_t got = receive(fd_, into);
            if (got > 0) {
                // A short read has emptied the socket: more will come with an edge of its own, so the call that
                // would only say EAGAIN is saved.
                // Not where bytes by TCP may be behind those that came past it: one edge may have told of both.
                if (static_cast<size_t>(got) < into.size() && !may_hold_strays()) {
                    io_.clear_readable();
                } else {
                    io_.took(static_cast<size_t>(got));
                }
                return {IoStatus::ok, static_cast<size_t>(got)};
            }
            if (got == 0) return {IoStatus::end};
            if (errno == EINTR) continue;
            if (errno != EAGAIN) return {IoStatus::failed, 0, errno};
            io_.clear_readable();
            return {IoStatus::again};
        }
    }
    IoResult try_write(std::span<const iovec> parts) override {
        for (;;) {
            const ssize_t sent = send(fd_, parts);
            if (sent >= 0) {
                written_ += static_cast<uint64_t>(sent);
                return {IoStatus::ok, static_cast<size_t>(sent)};
            }
            if (errno == EINTR) continue;
            const int error = errno;
            const bool refused = error == EPIPE && joiner_ != nullptr && connection_stands(fd_);
            if (error != EAGAIN && !refused) return {IoStatus::failed, 0, error};
            io_.clear_writable();
            if (refused) ask_again();
            return {IoStatus::again};
        }
    }
    uint64_t written() const override { return written_; }
    bool acknowledged_beyond(uint64_t position) const override {
        const auto acknowledged = acknowledged_bytes(fd_);
        if (!acknowledged) return true;
        // What went past TCP is with the other end, as if it were acknowledged.
        return *acknowledged + (joiner_ != nullptr ? joiner_->joined_bytes(fd_) : 0) > position;
    }
    void shutdown_write() override { ::shutdown(fd_, SHUT_WR); }
    void reset_on_close() override {
        const linger now{.l_onoff = 1, .l_linger = 0};
        ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    }
    rt::Readiness& readiness() override { return io_; }
    int fd() const override { return fd_; }

  private:
    [[nodiscard]] bool may_hold_strays() const { return joiner_ != nullptr && joiner_->strays() != strays_; }
    void ask_again() {
        if (retry_ == nullptr) retry_ = std::make_unique<Retry>(io_);
        rt::this_loop().arm(*retry_, rt::this_loop().now() + kAskAgain);
    }

    int fd_;
    uint64_t written_ = 0;
    const sockmap::Joiner* joiner_;  // nullptr: certainly plain
    uint64_t strays_;                // of the joiner, before the connection began
    rt::Readiness io_;
    std::unique_ptr<Retry> retry_;  // made when first needed
};

bool is_loopback(const Address& address) {
    if (address.family() == AF_INET) {
        const auto* raw = reinterpret_cast<const sockaddr_in*>(address.raw());
        return ntohl(raw->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    }
    if (address.family() != AF_INET6) return false;
    const auto* raw = reinterpret_cast<const sockaddr_in6*>(address.raw());
    return IN6_IS_ADDR_LOOPBACK(&raw->sin6_addr);
}

template <class Call>
Address address_by(Call call, int fd) {
    sockaddr_storage raw{};
    socklen_t length = sizeof raw;
    if (call(fd, reinterpret_cast<sockaddr*>(&raw), &length) != 0) return {};
    return Address::from_raw(reinterpret_cast<const sockaddr*>(&raw), length);
}

base::Error connect_error(int number, const Address& address) {
    base::Error error = base::from_errno(number, fmt::format("connect to {}", address.to_string()));
    error.side = base::Side::upstream;
    error.retryable = true;
    return error;
}

}  // namespace

void advance(std::span<iovec>& parts, size_t written) {
    while (!parts.empty() && written >= parts.front().iov_len) {
        written -= parts.front().iov_len;
        parts = parts.subspan(1);
    }
    if (written == 0) return;
    parts.front().iov_base = static_cast<char*>(parts.front().iov_base) + written;
    parts.front().iov_len -= written;
}

rt::Task<base::Result<void>> Stream::write_all(std::span<iovec> parts, rt::Wait wait) {
    while (!parts.empty()) {
        const IoResult result = try_write(parts);
        if (result.status == IoStatus::failed) co_return base::fail(io_error(result, "write"));
        if (result.status == IoStatus::ok) {
            advance(parts, result.bytes);
            continue;
        }
        const rt::Wake wake = co_await readiness().wait_writable(wait);
        if (wake != rt::Wake::ready) co_return base::fail(rt::wake_error(wake, "writing"));
    }
    co_return base::Result<void>{};
}

rt::Task<base::Result<void>> Stream::write_all(std::string_view bytes, rt::Wait wait) {
    if (bytes.empty()) co_return base::Result<void>{};
    iovec part{const_cast<char*>(bytes.data()), bytes.size()};
    base::Result<void> result = co_await write_all(std::span{&part, 1}, wait);
    co_return result;
}

rt::Task<base::Result<size_t>> Stream::read_some(std::span<char> into, rt::Wait wait) {
    for (;;) {
        const IoResult result = try_read(into);
        if (result.status == IoStatus::ok) co_return result.bytes;
        if (result.status == IoStatus::end) co_return size_t{0};
        if (result.status == IoStatus::failed) co_return base::fail(io_error(result, "read"));
        const rt::Wake wake = co_await readiness().wait_readable(wait);
        if (wake != rt::Wake::ready) co_return base::fail(rt::wake_error(wake, "reading"));
    }
}

Address Stream::peer() const { return address_by(::getpeername, fd()); }
Address Stream::local() const { return address_by(::getsockname, fd()); }

base::Result<std::unique_ptr<Stream>> make_stream(int fd, const sockmap::Joiner* joiner, uint64_t strays) {
    auto stream = std::make_unique<SocketStream>(fd, joiner, strays);
    const auto attached = stream->readiness().attach(fd);
    if (!attached) return base::fail(attached.error());
    return stream;
}

base::Result<std::pair<std::unique_ptr<Stream>, std::unique_ptr<Stream>>> Stream::pair() {
    int fds[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0) {
        return base::fail(base::from_errno(errno, "socketpair"));
    }
    auto first = make_stream(fds[0]);
    auto second = make_stream(fds[1]);
    if (!first) return base::fail(first.error());
    if (!second) return base::fail(second.error());
    return std::pair{std::move(*first), std::move(*second)};
}

rt::Task<base::Result<std::unique_ptr<Stream>>> connect(Address address, rt::Wait wait, Shortcut shortcut) {
    const int fd = ::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) co_return base::fail(base::from_errno(errno, "socket"));
    const int one = 1;
    if (!address.is_unix()) ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    const bool marked = shortcut.joiner != nullptr && is_loopback(address) && shortcut.joiner->mark(fd, shortcut.group);
    const uint64_t strays = marked ? shortcut.joiner->strays() : 0;
    const int started = ::connect(fd, address.raw(), address.length());
    const int number = started == 0 ? 0 : errno;
    if (number != 0 && number != EINPROGRESS) {
        ::close(fd);
        co_return base::fail(connect_error(number, address));
    }
    auto stream = make_stream(fd, marked ? shortcut.joiner : nullptr, strays);
    if (!stream || number == 0) co_return stream;
    (*stream)->readiness().clear_writable();
    const rt::Wake wake = co_await (*stream)->readiness().wait_writable(wait);
    if (wake != rt::Wake::ready) {
        base::Error error = rt::wake_error(wake, fmt::format("connect to {}", address.to_string()));
        error.retryable = wake == rt::Wake::timeout;
        co_return base::fail(std::move(error).at(base::Side::upstream));
    }
    int failed = 0;
    socklen_t length = sizeof failed;
    ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &length);
    if (failed != 0) co_return base::fail(connect_error(failed, address));
    co_return stream;
}

}  // namespace tl::net
