// An entry of a service's `address`: where something is that others run. Pure.
#pragma once

#include <expected>
#include <string>
#include <string_view>

namespace tl::app {

struct Target {
    std::string host;  // a name or an IP, without brackets
    uint16_t port = 0;
    bool https = false;
};

// "10.0.0.5:9000", "http://10.0.0.5:9000", "https://api.example" (then the port is 443), "[::1]:80". The error says
// what it must be.
[[nodiscard]] std::expected<Target, std::string> parse_target(std::string_view text);

}  // namespace tl::app
