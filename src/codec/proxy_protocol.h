// The PROXY protocol, versions 1 and 2 (HAProxy's proxy-protocol.txt): what a load balancer says about its client in
// front of the first byte of a connection. Pure bytes, strict: what is not exactly a header is none. The caller decides
// whose headers it believes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tl::codec {

struct ProxyHeader {
    // Longer ones are refused: version 1 has at most 107 bytes, version 2 some hundred with all its extensions.
    static constexpr size_t kMost = 2048;

    enum class State : uint8_t { complete, need_more, none /* something else begins here */, bad };
    State state = State::need_more;
    size_t consumed = 0;  // complete: bytes of the header
    // complete: whose connection it is. 0: the balancer's own (health checks), or one that has no IP address.
    uint8_t family = 0;  // 4 or 6
    std::array<uint8_t, 16> source{};
    uint16_t port = 0;

    // `bytes`: all that has come so far of the connection.
    [[nodiscard]] static ProxyHeader parse(std::string_view bytes);
};

}  // namespace tl::codec
