#include "supervisor/ports.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/address.h"

namespace tl::supervisor {

namespace {

constexpr base::Duration kRest = std::chrono::minutes{1};

bool can_bind(uint16_t port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return false;
    // As most servers do; a listener on the port still makes it fail.
    const int one = 1;
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    const net::Address address = net::Address::loopback(port);
    const bool bound = ::bind(fd, address.raw(), address.length()) == 0;
    ::close(fd);
    return bound;
}

}  // namespace

PortPool::PortPool(PortsConfig range, base::Random& random)
    : range_(range), next_(random.below(uint32_t{range.last} - range.first + 1)) {}

base::Result<uint16_t> PortPool::take(base::TimePoint now) {
    forget_before(now - kRest);
    const uint32_t count = uint32_t{range_.last} - range_.first + 1;
    for (uint32_t tried = 0; tried < count; ++tried) {
        const auto port = static_cast<uint16_t>(range_.first + next_);
        next_ = (next_ + 1) % count;
        if (recently_given(port) || !can_bind(port)) continue;
        recent_.emplace_back(now, port);
        recent_ports_.insert(port);
        return port;
    }
    return base::fail(base::Code::unavailable,
                      fmt::format("no port from {} to {} is free for an instance (one is used again after a minute); "
                                  "give a wider range",
                                  range_.first, range_.last));
}

void PortPool::forget_before(base::TimePoint then) {
    while (!recent_.empty() && recent_.front().first < then) {
        recent_ports_.erase(recent_.front().second);
        recent_.pop_front();
    }
}

}  // namespace tl::supervisor
