// Which bytes may stand where in an HTTP/1 head: one table, one bit a class, filled at compile time.
// For codec/ only.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace tl::codec {

enum CharClass : uint8_t {
    kTokenChar = 1,    // tchar, RFC 9110 5.6.2
    kValueChar = 2,    // HTAB, SP, VCHAR, obs-text: RFC 9110 5.5
    kTargetChar = 4,   // visible ASCII but '#': no client sends a fragment, so one is an attempt
    kRegNameChar = 8,  // unreserved and sub-delims of RFC 3986; '%' is checked apart
};

consteval std::array<uint8_t, 256> make_char_classes() {
    std::array<uint8_t, 256> classes{};
    const auto mark = [&classes](std::string_view chars, uint8_t bit) {
        for (const char c : chars) classes[static_cast<uint8_t>(c)] |= bit;
    };
    constexpr std::string_view kAlnum = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    mark(kAlnum, kTokenChar | kRegNameChar);
    mark("!#$%&'*+-.^_`|~", kTokenChar);
    mark("-._~!$&'()*+,;=", kRegNameChar);
    for (unsigned c = 0; c < 256; ++c) {
        if (c == '\t' || (c >= 0x20 && c != 0x7f)) classes[c] |= kValueChar;
        if (c > 0x20 && c < 0x7f && c != '#') classes[c] |= kTargetChar;
    }
    return classes;
}
inline constexpr std::array<uint8_t, 256> kCharClasses = make_char_classes();

[[nodiscard]] constexpr bool is(CharClass wanted, char c) {
    return (kCharClasses[static_cast<uint8_t>(c)] & wanted) != 0;
}

[[nodiscard]] constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

// 0 to 15, or -1.
[[nodiscard]] constexpr int hex_value(char c) {
    if (is_digit(c)) return c - '0';
    const char folded = static_cast<char>(c | 0x20);
    return folded >= 'a' && folded <= 'f' ? folded - 'a' + 10 : -1;
}

}  // namespace tl::codec
