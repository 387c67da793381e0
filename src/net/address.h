// Where a socket is: IPv4, IPv6 or a Unix path. A value. Host names are for net/resolver.h.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace tl::net {

class Address {
  public:
    Address() = default;
    // "127.0.0.1:80", "[::1]:80", ":80" and "80" (all IPv4 interfaces), "unix:/path".
    [[nodiscard]] static base::Result<Address> parse(std::string_view text);
    // A literal IP and a port; not_found if `host` is a name.
    [[nodiscard]] static base::Result<Address> from_ip(std::string_view host, uint16_t port);
    [[nodiscard]] static Address loopback(uint16_t port);
    [[nodiscard]] static base::Result<Address> unix_path(std::string_view path);
    [[nodiscard]] static Address from_raw(const sockaddr* raw, socklen_t length);

    [[nodiscard]] const sockaddr* raw() const { return reinterpret_cast<const sockaddr*>(&storage_); }
    [[nodiscard]] socklen_t length() const { return length_; }
    [[nodiscard]] int family() const { return storage_.ss_family; }
    [[nodiscard]] bool is_unix() const { return family() == AF_UNIX; }
    [[nodiscard]] uint16_t port() const;  // 0 for Unix
    void set_port(uint16_t port);
    [[nodiscard]] std::string ip() const;         // without port and brackets; the path for Unix
    [[nodiscard]] std::string to_string() const;  // what parse() reads
    friend bool operator==(const Address& a, const Address& b) { return a.to_string() == b.to_string(); }

  private:
    sockaddr_storage storage_{};
    socklen_t length_ = 0;
};

}  // namespace tl::net
