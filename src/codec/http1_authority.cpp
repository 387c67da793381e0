// Authorities and the checks for names and values that come from configuration.
#include <arpa/inet.h>

#include <array>
#include <cstring>

#include "codec/chars.h"
#include "codec/http1.h"
#include "codec/scan.h"

namespace tl::codec {

namespace {

// One to five digits, at most 65535.
bool is_port(std::string_view text) {
    if (text.empty() || text.size() > 5) return false;
    unsigned value = 0;
    for (const char c : text) {
        if (!is_digit(c)) return false;
        value = value * 10 + static_cast<unsigned>(c - '0');
    }
    return value <= 65535;
}

// Without brackets. No zone id: it means something on one machine only.
bool is_ipv6(std::string_view text) {
    std::array<char, INET6_ADDRSTRLEN> terminated{};
    if (text.size() >= terminated.size() || text.find('\0') != std::string_view::npos) return false;
    std::memcpy(terminated.data(), text.data(), text.size());
    in6_addr ignored;
    return inet_pton(AF_INET6, terminated.data(), &ignored) == 1;
}

// The bytes of a reg-name or IPv4 address at the front (RFC 3986 3.2.2).
size_t reg_name_length(std::string_view text) {
    size_t i = 0;
    while (i < text.size()) {
        if (is(kRegNameChar, text[i])) {
            ++i;
        } else if (text[i] == '%' && i + 2 < text.size() && hex_value(text[i + 1]) >= 0 &&
                   hex_value(text[i + 2]) >= 0) {
            i += 3;
        } else {
            break;
        }
    }
    return i;
}

}  // namespace

bool is_valid_authority(std::string_view authority) {
    size_t host = 0;
    if (authority.starts_with('[')) {
        const size_t close = authority.find(']');
        if (close == std::string_view::npos || !is_ipv6(authority.substr(1, close - 1))) return false;
        host = close + 1;
    } else {
        host = reg_name_length(authority);
        if (host == 0) return false;  // an http URI without a host is invalid (RFC 9110 4.2.1)
    }
    if (host == authority.size()) return true;
    return authority[host] == ':' && is_port(authority.substr(host + 1));
}

bool is_token(std::string_view name) {
    const char* end = name.data() + name.size();
    return !name.empty() && skip_class(kTokenChar, name.data(), end) == end;
}

bool is_field_value(std::string_view value) {
    const char* end = value.data() + value.size();
    return skip_value(value.data(), end) == end;
}

}  // namespace tl::codec
