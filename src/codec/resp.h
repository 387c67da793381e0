// RESP2, the protocol of Redis (https://redis.io/docs/latest/develop/reference/protocol-spec/), as pure bytes: commands
// out, replies in. Strict and bounded; no I/O.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tl::codec {

struct RespReply {
    enum class Kind : uint8_t { text, error, number, bulk, nothing, list };
    Kind kind = Kind::nothing;
    std::string text;  // of text, error, bulk
    int64_t number = 0;
    std::vector<RespReply> items;  // of list
    bool operator==(const RespReply&) const = default;
};

struct RespLimits {
    uint32_t line = 1024;       // bytes of a line
    uint32_t bulk = 64 * 1024;  // bytes of a bulk text
    uint32_t items = 1024;      // of a list
    uint32_t depth = 4;         // lists in lists
};

enum class RespState : uint8_t { complete, need_more, bad };
struct RespParsed {
    RespState state = RespState::need_more;
    size_t consumed = 0;  // complete: bytes of the reply
    RespReply reply;      // complete
};
// One reply at the front of `bytes`. How the bytes were cut never changes the answer.
[[nodiscard]] RespParsed parse_resp(std::string_view bytes, const RespLimits& limits = {});

// A command as an array of bulk texts, appended to `out`.
void append_command(std::string& out, std::span<const std::string_view> words);

}  // namespace tl::codec
