#include "codec/proxy_protocol.h"

#include <arpa/inet.h>

#include <charconv>
#include <cstring>
#include <optional>
#include <string>

namespace tl::codec {

using State = ProxyHeader::State;

namespace {

constexpr std::string_view kSignature1 = "PROXY ";
constexpr std::string_view kSignature2{"\r\n\r\n\0\r\nQUIT\n", 12};
constexpr size_t kMostLine = 107;  // with its CRLF
constexpr size_t kFixed2 = 16;     // signature, version and command, family, length
constexpr size_t kAddresses4 = 12;
constexpr size_t kAddresses6 = 36;

ProxyHeader in_state(State state) {
    ProxyHeader header;
    header.state = state;
    return header;
}

// Up to the next space, which is taken too.
std::string_view take_word(std::string_view& line) {
    const size_t space = line.find(' ');
    const std::string_view word = line.substr(0, space);
    line.remove_prefix(space == std::string_view::npos ? line.size() : space + 1);
    return word;
}

// Decimal, no sign, no leading zero.
std::optional<uint16_t> parse_port(std::string_view text) {
    uint16_t port = 0;
    if (text.empty() || (text.size() > 1 && text.front() == '0')) return std::nullopt;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return port;
}

bool parse_ip(std::string_view text, int family, uint8_t* out) {
    const std::string copy{text};  // inet_pton wants its zero, and is strict
    return copy.find('\0') == std::string::npos && inet_pton(family, copy.c_str(), out) == 1;
}

ProxyHeader parse_line(std::string_view bytes) {
    const size_t end = bytes.substr(0, kMostLine).find("\r\n");
    if (end == std::string_view::npos) return in_state(bytes.size() < kMostLine ? State::need_more : State::bad);
    ProxyHeader header;
    header.state = State::complete;
    header.consumed = end + 2;
    std::string_view line = bytes.substr(kSignature1.size(), end - kSignature1.size());
    const std::string_view protocol = take_word(line);
    if (protocol == "UNKNOWN") return header;  // what follows is to be ignored
    const bool v4 = protocol == "TCP4";
    if (!v4 && protocol != "TCP6") return in_state(State::bad);
    const int family = v4 ? AF_INET : AF_INET6;
    std::array<uint8_t, 16> destination{};
    const bool addresses = parse_ip(take_word(line), family, header.source.data()) &&
                           parse_ip(take_word(line), family, destination.data());
    const auto port = parse_port(take_word(line));
    // The last word has no space behind it, which take_word would have eaten.
    const bool ends = line.find(' ') == std::string_view::npos && parse_port(line).has_value();
    if (!addresses || !port || !ends) return in_state(State::bad);
    header.family = v4 ? 4 : 6;
    header.port = *port;
    return header;
}

uint8_t byte_at(std::string_view bytes, size_t i) { return static_cast<uint8_t>(bytes[i]); }
uint16_t number_at(std::string_view bytes, size_t i) {
    return static_cast<uint16_t>((byte_at(bytes, i) << 8U) | byte_at(bytes, i + 1));
}

ProxyHeader parse_binary(std::string_view bytes) {
    if (bytes.size() < kFixed2) return in_state(State::need_more);
    const uint8_t version = byte_at(bytes, 12) >> 4U;
    const uint8_t command = byte_at(bytes, 12) & 0x0fU;
    const uint8_t family = byte_at(bytes, 13);
    const size_t length = number_at(bytes, 14);
    if (version != 2 || command > 1 || kFixed2 + length > ProxyHeader::kMost) return in_state(State::bad);
    const bool v4 = family == 0x11;  // over a stream
    const bool v6 = family == 0x21;
    const bool without = family == 0x00 || family == 0x31;  // unspecified, Unix
    if (command == 1 && !v4 && !v6 && !without) return in_state(State::bad);
    if (command == 1 && ((v4 && length < kAddresses4) || (v6 && length < kAddresses6))) return in_state(State::bad);
    if (bytes.size() < kFixed2 + length) return in_state(State::need_more);
    ProxyHeader header;
    header.state = State::complete;
    header.consumed = kFixed2 + length;
    if (command == 0 || without) return header;
    header.family = v4 ? 4 : 6;
    std::memcpy(header.source.data(), bytes.data() + kFixed2, v4 ? 4 : 16);
    header.port = number_at(bytes, kFixed2 + (v4 ? 8 : 32));
    return header;
}

// What has come is the beginning of `signature`, or all of it.
bool begins(std::string_view bytes, std::string_view signature) {
    const size_t size = std::min(bytes.size(), signature.size());
    return bytes.substr(0, size) == signature.substr(0, size);
}

}  // namespace

ProxyHeader ProxyHeader::parse(std::string_view bytes) {
    if (bytes.empty()) return in_state(State::need_more);
    if (begins(bytes, kSignature2))
        return bytes.size() < kSignature2.size() ? in_state(State::need_more) : parse_binary(bytes);
    if (begins(bytes, kSignature1))
        return bytes.size() < kSignature1.size() ? in_state(State::need_more) : parse_line(bytes);
    return in_state(State::none);
}

}  // namespace tl::codec
