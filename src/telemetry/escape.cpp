#include "telemetry/escape.h"

#include <cstdint>

namespace tl::telemetry {

namespace {

constexpr std::string_view kHex = "0123456789abcdef";
constexpr std::string_view kReplacement = "\xef\xbf\xbd";

void append_hex_byte(std::string& out, uint8_t byte) {
    out += kHex[byte >> 4];
    out += kHex[byte & 15];
}

// Appends the valid sequence that `text` begins with, or a replacement for its first byte; returns what was
// used.
size_t append_utf8(std::string& out, std::string_view text) {
    const size_t size = utf8_sequence(text);
    out += size == 0 ? kReplacement : text.substr(0, size);
    return size == 0 ? 1 : size;
}

void append_json_ascii(std::string& out, char c) {
    const auto u = static_cast<uint8_t>(c);
    if (c == '"' || c == '\\') {
        out += '\\';
        out += c;
    } else if (u < 0x20 || u == 0x7f) {
        out += "\\u00";
        append_hex_byte(out, u);
    } else {
        out += c;
    }
}

}  // namespace

size_t utf8_sequence(std::string_view text) {
    const auto byte = [&](size_t i) { return i < text.size() ? static_cast<uint8_t>(text[i]) : 0U; };
    const auto follows = [&](size_t i) { return (byte(i) & 0xc0U) == 0x80U; };
    const unsigned first = byte(0);
    if (text.empty()) return 0;
    if (first < 0x80) return 1;
    if (first >= 0xc2 && first <= 0xdf) return follows(1) ? 2 : 0;
    if (first >= 0xe0 && first <= 0xef) {
        if (first == 0xe0 && byte(1) < 0xa0) return 0;  // overlong
        if (first == 0xed && byte(1) > 0x9f) return 0;  // a surrogate
        return follows(1) && follows(2) ? 3 : 0;
    }
    if (first >= 0xf0 && first <= 0xf4) {
        if (first == 0xf0 && byte(1) < 0x90) return 0;
        if (first == 0xf4 && byte(1) > 0x8f) return 0;  // above U+10FFFF
        return follows(1) && follows(2) && follows(3) ? 4 : 0;
    }
    return 0;
}

void append_json_string(std::string& out, std::string_view text) {
    out += '"';
    while (!text.empty()) {
        if (static_cast<uint8_t>(text.front()) < 0x80) {
            append_json_ascii(out, text.front());
            text.remove_prefix(1);
        } else {
            text.remove_prefix(append_utf8(out, text));
        }
    }
    out += '"';
}

void append_label_value(std::string& out, std::string_view text) {
    out += '"';
    while (!text.empty()) {
        const char c = text.front();
        if (c == '\n') {
            out += "\\n";
        } else if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else {
            text.remove_prefix(append_utf8(out, text));
            continue;
        }
        text.remove_prefix(1);
    }
    out += '"';
}

void append_visible(std::string& out, std::string_view text) {
    for (const char c : text) {
        const auto u = static_cast<uint8_t>(c);
        if (u >= 0x20 && u < 0x7f) {
            out += c;
        } else {
            out += "\\x";
            append_hex_byte(out, u);
        }
    }
}

}  // namespace tl::telemetry
