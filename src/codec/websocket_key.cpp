// The key and the proof of the WebSocket handshake: SHA-1 (FIPS 180-4 6.1) and base64 (RFC 4648 4). SHA-1 proves
// nothing here but that the peer speaks the protocol, which is all that RFC 6455 asks of it.
#include <array>
#include <bit>
#include <cstring>

#include "codec/base64.h"
#include "codec/http2_head.h"

namespace tl::codec {

namespace {

constexpr std::string_view kGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
constexpr size_t kBlock = 64;

uint32_t round_constant(size_t i) {
    constexpr std::array<uint32_t, 4> kConstants{0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};
    return kConstants[i / 20];
}

uint32_t mix(size_t i, uint32_t b, uint32_t c, uint32_t d) {
    if (i < 20) return (b & c) | (~b & d);
    if (i >= 40 && i < 60) return (b & c) | (b & d) | (c & d);
    return b ^ c ^ d;
}

void digest_block(const char* block, std::array<uint32_t, 5>& state) {
    std::array<uint32_t, 80> words{};
    for (size_t i = 0; i < 16; ++i) {
        for (size_t k = 0; k < 4; ++k) words[i] = words[i] << 8 | static_cast<uint8_t>(block[i * 4 + k]);
    }
    for (size_t i = 16; i < 80; ++i) {
        words[i] = std::rotl(words[i - 3] ^ words[i - 8] ^ words[i - 14] ^ words[i - 16], 1);
    }
    auto [a, b, c, d, e] = state;
    for (size_t i = 0; i < 80; ++i) {
        const uint32_t next = std::rotl(a, 5) + mix(i, b, c, d) + e + round_constant(i) + words[i];
        e = d;
        d = c;
        c = std::rotl(b, 30);
        b = a;
        a = next;
    }
    state = {state[0] + a, state[1] + b, state[2] + c, state[3] + d, state[4] + e};
}

std::string sha1(std::string_view text) {
    std::string padded{text};
    padded += '\x80';
    while (padded.size() % kBlock != kBlock - 8) padded += '\0';
    const uint64_t bits = text.size() * 8;
    for (int shift = 56; shift >= 0; shift -= 8) padded += static_cast<char>(bits >> shift);
    std::array<uint32_t, 5> state{0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    for (size_t at = 0; at < padded.size(); at += kBlock) digest_block(padded.data() + at, state);
    std::string digest;
    for (const uint32_t word : state) {
        for (int shift = 24; shift >= 0; shift -= 8) digest += static_cast<char>(word >> shift);
    }
    return digest;
}

std::string base64(std::string_view bytes) {
    std::string text;
    append_base64(text, bytes);
    return text;
}

}  // namespace

std::string websocket_accept(std::string_view key) { return base64(sha1(std::string{key} + std::string{kGuid})); }

std::string websocket_key(uint64_t high, uint64_t low) {
    std::array<char, 16> bytes{};
    std::memcpy(bytes.data(), &high, sizeof high);
    std::memcpy(bytes.data() + sizeof high, &low, sizeof low);
    return base64({bytes.data(), bytes.size()});
}

}  // namespace tl::codec
