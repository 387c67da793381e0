#include "gateway/forwarded.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <charconv>

namespace tl::gateway {

using codec::Field;

namespace {

// inet_ntop is a printf: a tenth of this proxy's own time. Returns the length.
size_t write_v4(const net::Address& peer, char* out) {
    const uint32_t ip = ntohl(reinterpret_cast<const sockaddr_in*>(peer.raw())->sin_addr.s_addr);
    char* at = out;
    for (int shift = 24; shift >= 0; shift -= 8) {
        if (at != out) *at++ = '.';
        at = std::to_chars(at, at + 3, (ip >> shift) & 255U).ptr;
    }
    return static_cast<size_t>(at - out);
}

// The client's IP in the request's arena; "unknown" on a Unix socket (RFC 7239 6).
std::string_view client_ip(proxy::RequestContext& context) {
    const net::Address& peer = context.exchange->peer();
    char* const text = context.arena.allocate(INET6_ADDRSTRLEN);
    if (peer.family() == AF_INET) return {text, write_v4(peer, text)};
    const void* ip = nullptr;
    if (peer.family() == AF_INET6) ip = &reinterpret_cast<const sockaddr_in6*>(peer.raw())->sin6_addr;
    if (ip == nullptr || inet_ntop(peer.family(), ip, text, INET6_ADDRSTRLEN) == nullptr) return "unknown";
    return text;
}

// All lines of a list field as one value (RFC 9110 5.3), with `last` behind them.
std::string_view extend(const codec::HeaderTable& headers, Field field, std::string_view last, base::Arena& arena) {
    std::string_view all;
    for (const codec::Header& header : headers) {
        if (header.field != field || header.value.empty()) continue;
        all = all.empty() ? header.value : arena.concat(all, ", ", header.value);
    }
    return all.empty() ? last : arena.concat(all, ", ", last);
}

}  // namespace

proxy::Filter::Verdict ForwardedFilter::on_request(proxy::RequestContext& context) const {
    codec::HeaderTable& headers = context.head().headers;
    base::Arena& arena = context.arena;
    const std::string_view ip = client_ip(context);
    const std::string_view host = context.head().authority;
    const std::string_view proto = context.exchange->tls() != nullptr ? "https" : "http";
    const bool v6 = ip.find(':') != std::string_view::npos;
    std::string_view forwarded = v6 ? arena.concat("for=\"[", ip, "]\";host=\"", host, "\";proto=", proto)
                                    : arena.concat("for=", ip, ";host=\"", host, "\";proto=", proto);
    std::string_view chain = ip;
    if (trust_) {
        chain = extend(headers, Field::x_forwarded_for, ip, arena);
        forwarded = extend(headers, Field::forwarded, forwarded, arena);
    }
    // What is said here is said anew; the rest a client may not say at all.
    headers.remove_if([this](const codec::Header& header) {
        switch (header.field) {
            case Field::forwarded:
            case Field::x_forwarded_for: return true;
            case Field::x_forwarded_host:
            case Field::x_forwarded_port:
            case Field::x_forwarded_proto:
            case Field::x_real_ip: return !trust_;
            default: return false;
        }
    });
    headers.add(Field::forwarded, forwarded);
    headers.add(Field::x_forwarded_for, chain);
    if (!trust_ || headers.find(Field::x_forwarded_host) == nullptr) headers.add(Field::x_forwarded_host, host);
    if (!trust_ || headers.find(Field::x_forwarded_proto) == nullptr) headers.add(Field::x_forwarded_proto, proto);
    return Verdict::proceed;
}

}  // namespace tl::gateway
