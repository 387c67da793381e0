#include "codec/base64.h"

#include <algorithm>
#include <array>

namespace tl::codec {

namespace {

constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr uint8_t kNoDigit = 64;

consteval std::array<uint8_t, 256> make_values() {
    std::array<uint8_t, 256> values{};
    values.fill(kNoDigit);
    for (uint8_t i = 0; i < kDigits.size(); ++i) values[static_cast<uint8_t>(kDigits[i])] = i;
    return values;
}
constexpr std::array<uint8_t, 256> kValues = make_values();

}  // namespace

void append_base64(std::string& to, std::string_view bytes) {
    to.reserve(to.size() + (bytes.size() + 2) / 3 * 4);
    for (size_t at = 0; at < bytes.size(); at += 3) {
        const size_t count = std::min<size_t>(3, bytes.size() - at);
        uint32_t group = 0;
        for (size_t i = 0; i < 3; ++i) group = group << 8 | (i < count ? static_cast<uint8_t>(bytes[at + i]) : 0U);
        for (size_t i = 0; i < 4; ++i) to += i <= count ? kDigits[(group >> (18 - 6 * i)) & 63U] : '=';
    }
}

bool Base64Decoder::decode(std::string_view text, std::string& to) {
    to.reserve(to.size() + (text.size() / 4 + 1) * 3);
    for (const char c : text) {
        if (bad_ || !take(c, to)) {
            bad_ = true;
            return false;
        }
    }
    return !bad_;
}

bool Base64Decoder::take(char c, std::string& to) {
    if (c == '=') return take_padding(to);
    const uint8_t value = kValues[static_cast<uint8_t>(c)];
    if (value == kNoDigit || padding_ > 0) return false;
    group_ = group_ << 6 | value;
    if (++digits_ < 4) return true;
    for (const int shift : {16, 8, 0}) to += static_cast<char>(group_ >> shift);
    group_ = 0;
    digits_ = 0;
    return true;
}

// "AA==" is one byte and "AAA=" two; the bits that are left over must be 0, or one byte could be written in many ways.
bool Base64Decoder::take_padding(std::string& to) {
    if (digits_ < 2) return false;
    ++padding_;
    group_ <<= 6;
    if (++digits_ < 4) return true;
    const uint32_t left_over = padding_ == 1 ? group_ & 0xffU : group_ & 0xffffU;
    if (left_over != 0) return false;
    to += static_cast<char>(group_ >> 16);
    if (padding_ == 1) to += static_cast<char>(group_ >> 8);
    group_ = 0;
    digits_ = padding_ = 0;
    return true;
}

}  // namespace tl::codec
