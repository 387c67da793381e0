#include "proxy/proxy_header.h"

#include <fmt/format.h>
#include <netinet/in.h>

namespace tl::proxy {

namespace {

constexpr std::string_view kSignature{"\r\n\r\n\0\r\nQUIT\n", 12};
constexpr char kLocal = 0x20;  // version 2, command LOCAL
constexpr char kProxy = 0x21;  // version 2, command PROXY
constexpr char kNoFamily = 0x00;
constexpr char kTcp4 = 0x11;
constexpr char kTcp6 = 0x21;

template <class T>
void append(std::string& out, const T& value) {
    out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

std::string v2_header(char command, char family, std::string_view addresses) {
    std::string out{kSignature};
    out += command;
    out += family;
    append(out, htons(static_cast<uint16_t>(addresses.size())));
    out += addresses;
    return out;
}

std::string make_v2(const net::Address& client, const net::Address& door) {
    std::string addresses;
    if (client.family() == AF_INET) {
        const auto& from = *reinterpret_cast<const sockaddr_in*>(client.raw());
        const auto& to = *reinterpret_cast<const sockaddr_in*>(door.raw());
        append(addresses, from.sin_addr);
        append(addresses, to.sin_addr);
        append(addresses, from.sin_port);
        append(addresses, to.sin_port);
        return v2_header(kProxy, kTcp4, addresses);
    }
    const auto& from = *reinterpret_cast<const sockaddr_in6*>(client.raw());
    const auto& to = *reinterpret_cast<const sockaddr_in6*>(door.raw());
    append(addresses, from.sin6_addr);
    append(addresses, to.sin6_addr);
    append(addresses, from.sin6_port);
    append(addresses, to.sin6_port);
    return v2_header(kProxy, kTcp6, addresses);
}

}  // namespace

std::string make_proxy_header(ProxyHeader version, const net::Address& client, const net::Address& door) {
    const int family = client.family();
    const bool known = family == door.family() && (family == AF_INET || family == AF_INET6);
    switch (version) {
        case ProxyHeader::none: return "";
        case ProxyHeader::v1:
            if (!known) return "PROXY UNKNOWN\r\n";
            return fmt::format("PROXY {} {} {} {} {}\r\n", family == AF_INET ? "TCP4" : "TCP6", client.ip(), door.ip(),
                               client.port(), door.port());
        case ProxyHeader::v2: return known ? make_v2(client, door) : v2_header(kLocal, kNoFamily, "");
    }
    return "";
}

}  // namespace tl::proxy
