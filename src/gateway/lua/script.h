// A script, what it may use, and which functions it has. Plain values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace tl::gateway {

struct LuaScript {
    std::string name;  // for messages: "tag.lua"
    std::string text;
};

struct LuaBudget {
    size_t memory = 16 << 20;        // bytes
    int64_t instructions = 200'000;  // of one run
};

// Which functions a script has.
struct LuaPhases {
    bool request = false;        // on_request(request)
    bool request_body = false;   // on_request_body(request, body)
    bool response = false;       // on_response(response)
    bool response_body = false;  // on_response_body(response, body)

    [[nodiscard]] bool any() const { return request || request_body || response || response_body; }
};

}  // namespace tl::gateway
