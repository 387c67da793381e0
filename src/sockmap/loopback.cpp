#include "sockmap/loopback.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "sockmap/joiner.h"

namespace tl::sockmap {

namespace {

void limit_waits(int socket) {
    const timeval most{.tv_sec = 2, .tv_usec = 0};
    ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most);
    ::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof most);
}

int listen_on(sockaddr_storage& address, socklen_t& length, int family) {
    const int listener = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    std::memset(&address, 0, sizeof address);
    address.ss_family = static_cast<sa_family_t>(family);
    if (family == AF_INET) {
        reinterpret_cast<sockaddr_in*>(&address)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        length = sizeof(sockaddr_in);
    } else {
        reinterpret_cast<sockaddr_in6*>(&address)->sin6_addr = in6addr_loopback;
        length = sizeof(sockaddr_in6);
    }
    const bool bound = ::bind(listener, reinterpret_cast<sockaddr*>(&address), length) == 0 &&
                       ::listen(listener, 1) == 0 &&
                       ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length) == 0;
    if (bound) return listener;
    if (listener >= 0) ::close(listener);
    return -1;
}

}  // namespace

Loopback::Loopback(Loopback&& other) noexcept
    : connected(std::exchange(other.connected, -1)), accepted(std::exchange(other.accepted, -1)), port(other.port) {}

Loopback::~Loopback() {
    if (connected >= 0) ::close(connected);
    if (accepted >= 0) ::close(accepted);
}

base::Result<Loopback> make_loopback(Joiner& joiner, Ours ours, int family) {
    sockaddr_storage address{};
    socklen_t length = 0;
    const int listener = listen_on(address, length, family);
    if (listener < 0) return base::fail(base::from_errno(errno, "listen on a loopback address"));
    Loopback loopback;
    loopback.port = ntohs(reinterpret_cast<sockaddr_in*>(&address)->sin_port);
    const uint32_t group = joiner.group("self-test");
    loopback.connected = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (ours == Ours::connects) joiner.mark(loopback.connected, group);
    if (ours == Ours::accepts) joiner.mark(listener, group);
    const bool open = ours != Ours::accepts || joiner.open_door(loopback.port).has_value();
    limit_waits(listener);
    limit_waits(loopback.connected);
    if (open && ::connect(loopback.connected, reinterpret_cast<sockaddr*>(&address), length) == 0) {
        loopback.accepted = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    }
    const int number = errno;
    joiner.close_door(loopback.port);
    ::close(listener);
    if (loopback.accepted < 0) return base::fail(base::from_errno(number, "connect to ourselves"));
    limit_waits(loopback.accepted);
    return loopback;
}

}  // namespace tl::sockmap
