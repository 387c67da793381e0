#include "net/address.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>

#include <charconv>
#include <cstddef>
#include <cstring>

namespace tl::net {

namespace {

std::optional<uint16_t> parse_port(std::string_view text) {
    uint16_t port = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (ec != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return port;
}

}  // namespace

base::Result<Address> Address::parse(std::string_view text) {
    if (text.starts_with("unix:")) return unix_path(text.substr(5));
    const size_t colon = text.rfind(':');
    std::string_view host = colon == std::string_view::npos ? std::string_view{} : text.substr(0, colon);
    const std::string_view port_text = colon == std::string_view::npos ? text : text.substr(colon + 1);
    const auto port = parse_port(port_text);
    if (!port) {
        return base::fail(base::Code::invalid,
                          fmt::format("\"{}\" has no port; write HOST:PORT, such as 127.0.0.1:8080", text));
    }
    if (host.empty()) host = "0.0.0.0";
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    return from_ip(host, *port);
}

base::Result<Address> Address::from_ip(std::string_view host, uint16_t port) {
    const std::string text{host};
    Address address;
    auto* v4 = reinterpret_cast<sockaddr_in*>(&address.storage_);
    if (inet_pton(AF_INET, text.c_str(), &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        address.length_ = sizeof *v4;
        return address;
    }
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&address.storage_);
    if (inet_pton(AF_INET6, text.c_str(), &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        address.length_ = sizeof *v6;
        return address;
    }
    return base::fail(base::Code::not_found, fmt::format("\"{}\" is not an IP address", host));
}

Address Address::loopback(uint16_t port) { return *from_ip("127.0.0.1", port); }

base::Result<Address> Address::unix_path(std::string_view path) {
    Address address;
    auto* raw = reinterpret_cast<sockaddr_un*>(&address.storage_);
    if (path.empty() || path.size() >= sizeof raw->sun_path) {
        return base::fail(base::Code::invalid, fmt::format("the socket path \"{}\" must have 1 to {} bytes", path,
                                                           sizeof raw->sun_path - 1));
    }
    raw->sun_family = AF_UNIX;
    std::memcpy(raw->sun_path, path.data(), path.size());
    address.length_ = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
    return address;
}

Address Address::from_raw(const sockaddr* raw, socklen_t length) {
    Address address;
    address.length_ = std::min<socklen_t>(length, sizeof address.storage_);
    std::memcpy(&address.storage_, raw, address.length_);
    return address;
}

uint16_t Address::port() const {
    if (family() == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in*>(&storage_)->sin_port);
    if (family() == AF_INET6) return ntohs(reinterpret_cast<const sockaddr_in6*>(&storage_)->sin6_port);
    return 0;
}

void Address::set_port(uint16_t port) {
    if (family() == AF_INET) reinterpret_cast<sockaddr_in*>(&storage_)->sin_port = htons(port);
    if (family() == AF_INET6) reinterpret_cast<sockaddr_in6*>(&storage_)->sin6_port = htons(port);
}

std::string Address::ip() const {
    char text[INET6_ADDRSTRLEN] = "";
    if (family() == AF_INET) {
        inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(&storage_)->sin_addr, text, sizeof text);
    } else if (family() == AF_INET6) {
        inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6*>(&storage_)->sin6_addr, text, sizeof text);
    } else if (is_unix()) {
        return reinterpret_cast<const sockaddr_un*>(&storage_)->sun_path;
    }
    return text;
}

std::string Address::to_string() const {
    if (is_unix()) return "unix:" + ip();
    if (family() == AF_INET6) return fmt::format("[{}]:{}", ip(), port());
    return fmt::format("{}:{}", ip(), port());
}

}  // namespace tl::net
