#include "codec/base64url.h"

#include <array>
#include <cstdint>

namespace tl::codec {

namespace {

constexpr std::string_view kUrl = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::string_view kPlain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr uint8_t kNone = 0xff;

constexpr std::array<uint8_t, 256> values_of(std::string_view alphabet) {
    std::array<uint8_t, 256> values{};
    values.fill(kNone);
    for (size_t i = 0; i < alphabet.size(); ++i) {
        values[static_cast<uint8_t>(alphabet[i])] = static_cast<uint8_t>(i);
    }
    return values;
}

std::optional<std::string> decode(std::string_view text, const std::array<uint8_t, 256>& values) {
    if (text.size() % 4 == 1) return std::nullopt;
    std::string bytes;
    bytes.reserve(text.size() * 3 / 4);
    uint32_t bits = 0;
    unsigned count = 0;
    for (const char c : text) {
        const uint8_t value = values[static_cast<uint8_t>(c)];
        if (value == kNone) return std::nullopt;
        bits = bits << 6 | value;
        count += 6;
        if (count < 8) continue;
        count -= 8;
        bytes += static_cast<char>(bits >> count);
        bits &= (1U << count) - 1;
    }
    if (bits != 0) return std::nullopt;  // a second spelling of the same bytes
    return bytes;
}

}  // namespace

std::optional<std::string> decode_base64(std::string_view text) {
    static constexpr auto kValues = values_of(kPlain);
    if (text.size() % 4 != 0) return std::nullopt;
    if (text.ends_with('=')) text.remove_suffix(1);
    if (text.size() % 4 == 3 && text.ends_with('=')) text.remove_suffix(1);
    return decode(text, kValues);
}

std::optional<std::string> decode_base64url(std::string_view text) {
    static constexpr auto kValues = values_of(kUrl);
    return decode(text, kValues);
}

std::string encode_base64url(std::string_view bytes) {
    std::string text;
    text.reserve(bytes.size() * 4 / 3 + 3);
    uint32_t bits = 0;
    unsigned count = 0;
    for (const char c : bytes) {
        bits = bits << 8 | static_cast<uint8_t>(c);
        count += 8;
        while (count >= 6) {
            count -= 6;
            text += kUrl[bits >> count & 63U];
        }
    }
    if (count > 0) text += kUrl[bits << (6 - count) & 63U];
    return text;
}

}  // namespace tl::codec
