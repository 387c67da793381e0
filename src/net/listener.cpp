#include "net/listener.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "net/port_holder.h"
#include "sockmap/joiner.h"

namespace tl::net {

using namespace std::chrono_literals;

namespace {

base::Error bind_error(int number, const Address& address) {
    base::Error error = base::from_errno(number, fmt::format("listen on {}", address.to_string()));
    if (number == EADDRINUSE && !address.is_unix()) error.context += "; " + describe_port_holder(address.port());
    if (number == EACCES && address.port() < 1024) error.context += "; ports below 1024 need root";
    return error;
}

bool is_passing_shortage(int number) {
    return number == EMFILE || number == ENFILE || number == ENOBUFS || number == ENOMEM;
}

// Not the fault of one connection: trying again would never end.
bool is_final(int number) { return number == EBADF || number == EINVAL || number == ENOTSOCK || number == EOPNOTSUPP; }

}  // namespace

base::Result<int> open_listener(const Address& address, const ListenOptions& options) {
    const int fd = ::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return base::fail(base::from_errno(errno, "socket"));
    const auto failed = [&] {
        const int number = errno;
        ::close(fd);
        return base::fail(bind_error(number, address));
    };
    const int one = 1;
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (options.reuse_port) ::setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
    if (::bind(fd, address.raw(), address.length()) != 0) return failed();
    if (address.is_unix()) ::chmod(address.ip().c_str(), static_cast<mode_t>(options.mode));
    if (::listen(fd, options.backlog) != 0) return failed();
    return fd;
}

namespace {

Address address_of(int fd) {
    sockaddr_storage raw{};
    socklen_t length = sizeof raw;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&raw), &length) != 0) return {};
    return Address::from_raw(reinterpret_cast<const sockaddr*>(&raw), length);
}

}  // namespace

uint16_t bound_port(int fd) { return address_of(fd).port(); }

base::Result<void> Listener::start(int fd) {
    fd_ = fd;
    io_ = std::make_unique<rt::Readiness>();
    return io_->attach(fd);
}

rt::Task<base::Result<std::unique_ptr<Stream>>> Listener::accept(rt::Wait wait) {
    while (fd_ >= 0) {
        const int fd = ::accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            const int one = 1;
            ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
            auto stream = make_stream(fd, joiner_, joiner_ != nullptr ? joiner_->first_strays() : 0);
            if (stream) co_return stream;
            errno = ENOMEM;  // the kernel watches no more descriptors: this connection is lost, the listener is not
        }
        const int number = errno;
        if (is_passing_shortage(number)) {
            const base::TimePoint retry = rt::this_loop().now() + 100ms;
            const rt::Wake wake = co_await rt::wait_for(wait.until(retry));
            if (wake == rt::Wake::cancelled || wait.deadline <= retry) break;
            continue;
        }
        if (is_final(number)) co_return base::fail(base::from_errno(number, "accept"));
        if (number != EAGAIN) continue;  // the connection died while queued: take the next
        io_->clear_readable();
        const rt::Wake wake = co_await io_->wait_readable(wait);
        if (wake != rt::Wake::ready) break;
    }
    co_return base::fail(base::Code::cancelled, "the listener is closed");
}

void Listener::set_shortcut(const Shortcut& shortcut) {
    if (shortcut == shortcut_) return;
    if (shortcut.joiner == nullptr) {
        shortcut_.joiner->unmark(fd_);
    } else if (shortcut.joiner->mark(fd_, shortcut.group)) {
        joiner_ = shortcut.joiner;
    }
    shortcut_ = shortcut;
}

void Listener::close() {
    if (fd_ < 0) return;
    io_->detach();
    ::close(fd_);
    fd_ = -1;
}

Address Listener::address() const { return address_of(fd_); }

}  // namespace tl::net
