#include "http/proxied.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "codec/proxy_protocol.h"

namespace tl::http {

using codec::ProxyHeader;
using Announced = std::optional<net::Address>;

namespace {

net::Address address_of(const ProxyHeader& header) {
    if (header.family == 4) {
        sockaddr_in raw{};
        raw.sin_family = AF_INET;
        raw.sin_port = htons(header.port);
        std::memcpy(&raw.sin_addr, header.source.data(), sizeof raw.sin_addr);
        return net::Address::from_raw(reinterpret_cast<const sockaddr*>(&raw), sizeof raw);
    }
    sockaddr_in6 raw{};
    raw.sin6_family = AF_INET6;
    raw.sin6_port = htons(header.port);
    std::memcpy(&raw.sin6_addr, header.source.data(), sizeof raw.sin6_addr);
    return net::Address::from_raw(reinterpret_cast<const sockaddr*>(&raw), sizeof raw);
}

}  // namespace

rt::Task<base::Result<Announced>> read_announced(net::Stream& stream, bool required, rt::Wait wait) {
    std::array<char, ProxyHeader::kMost> bytes;
    for (;;) {
        // Looked at, not taken: what follows the header belongs to TLS or HTTP.
        const ssize_t got = ::recv(stream.fd(), bytes.data(), bytes.size(), MSG_PEEK);
        if (got == 0) co_return base::fail(base::Code::closed, "the connection ended before its PROXY header");
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && errno != EAGAIN) co_return base::fail(base::from_errno(errno, "read the PROXY header"));
        const size_t size = got < 0 ? 0 : static_cast<size_t>(got);
        const ProxyHeader header = ProxyHeader::parse({bytes.data(), size});
        if (header.state == ProxyHeader::State::complete) {
            const net::IoResult taken = stream.try_read(std::span{bytes}.first(header.consumed));
            if (taken.status != net::IoStatus::ok || taken.bytes != header.consumed)
                co_return base::fail(base::Code::internal, "the PROXY header could not be taken");
            co_return header.family == 0 ? Announced{} : Announced{address_of(header)};
        }
        if (header.state == ProxyHeader::State::none && !required) co_return Announced{};
        if (header.state != ProxyHeader::State::need_more)
            co_return base::fail(base::Code::invalid, "no PROXY header from a peer that must send one");
        if (stream.readiness().finished())
            co_return base::fail(base::Code::closed, "the connection ended inside of its PROXY header");
        stream.readiness().clear_readable();
        const rt::Wake wake = co_await stream.readiness().wait_readable(wait);
        if (wake != rt::Wake::ready) co_return base::fail(rt::wake_error(wake, "waiting for a PROXY header"));
    }
}

}  // namespace tl::http
