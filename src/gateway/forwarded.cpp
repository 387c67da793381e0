#include "gateway/forwarded.h"

#include <algorithm>

#include "gateway/client_ip.h"
#include "proxy/client.h"
#include "proxy/door.h"

namespace tl::gateway {

using codec::Field;

namespace {

// All lines of a list field as one value (RFC 9110 5.3), with `last` behind them.
std::string_view extend(const codec::HeaderTable& headers, Field field, std::string_view last, base::Arena& arena) {
    std::string_view all;
    for (const codec::Header& header : headers) {
        if (header.field != field || header.value.empty()) continue;
        all = all.empty() ? header.value : arena.concat(all, ", ", header.value);
    }
    return all.empty() ? last : arena.concat(all, ", ", last);
}

// RFC 7239 4.
std::string_view element(std::string_view ip, std::string_view host, std::string_view proto, base::Arena& arena) {
    const bool v6 = ip.find(':') != std::string_view::npos;
    return v6 ? arena.concat("for=\"[", ip, "]\";host=\"", host, "\";proto=", proto)
              : arena.concat("for=", ip, ";host=\"", host, "\";proto=", proto);
}

}  // namespace

proxy::Filter::Verdict ForwardedFilter::on_request(proxy::RequestContext& context) const {
    codec::HeaderTable& headers = context.head().headers;
    base::Arena& arena = context.arena;
    const bool trusted = proxy::trusts_caller(context);
    const std::string_view ip = ip_text(context.exchange->peer(), arena);
    const std::string_view host = context.head().authority;
    const std::string_view proto = context.exchange->tls() != nullptr ? "https" : "http";
    std::string_view chain = ip;
    std::string_view forwarded = element(ip, host, proto, arena);
    if (context.from_proxy) {
        // Of the two fields the trusted proxy writes one. The other would be passed on by it as the client made it up,
        // so it is written anew, with the client that was found.
        const std::string_view client = ip_text(context.client_address(), arena);
        const bool by_forwarded = context.door.client_in_forwarded;
        chain = by_forwarded ? client : extend(headers, Field::x_forwarded_for, ip, arena);
        forwarded = by_forwarded ? extend(headers, Field::forwarded, forwarded, arena)
                                 : element(client, host, proxy::is_secure(context) ? "https" : "http", arena);
    } else if (trusted) {
        chain = extend(headers, Field::x_forwarded_for, ip, arena);
        forwarded = extend(headers, Field::forwarded, forwarded, arena);
    }
    // What is said here is said anew; the rest a client may not say at all.
    const auto unwanted = [trusted](const codec::Header& header) {
        switch (header.field) {
            case Field::forwarded:
            case Field::x_forwarded_for: return true;
            case Field::x_forwarded_host:
            case Field::x_forwarded_port:
            case Field::x_forwarded_proto:
            case Field::x_real_ip: return !trusted;
            default: return false;
        }
    };
    if (std::ranges::any_of(headers, unwanted)) headers.remove_if(unwanted);
    headers.add(Field::forwarded, forwarded);
    headers.add(Field::x_forwarded_for, chain);
    if (headers.find(Field::x_forwarded_host) == nullptr) headers.add(Field::x_forwarded_host, host);
    if (headers.find(Field::x_forwarded_proto) == nullptr) headers.add(Field::x_forwarded_proto, proto);
    return Verdict::proceed;
}

}  // namespace tl::gateway
