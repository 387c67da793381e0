#include "net/prefix_set.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>

namespace tl::net {

namespace {

constexpr IpBytes kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0};
constexpr unsigned kV4Offset = 96;

struct Parsed {
    IpBytes bytes{};
    bool v4 = false;
};

std::optional<Parsed> parse_ip(std::string_view text) {
    const std::string copy{text};  // inet_pton wants its zero
    Parsed out;
    if (inet_pton(AF_INET, copy.c_str(), out.bytes.data() + 12) == 1) {
        std::memcpy(out.bytes.data(), kMapped.data(), 12);
        out.v4 = true;
        return out;
    }
    if (inet_pton(AF_INET6, copy.c_str(), out.bytes.data()) == 1) return out;
    return std::nullopt;
}

// The bits behind the prefix, all 0 or all 1.
IpBytes with_tail(IpBytes bytes, unsigned bits, bool ones) {
    for (unsigned i = 0; i < bytes.size(); ++i) {
        const unsigned kept = std::clamp<int>(static_cast<int>(bits) - static_cast<int>(i * 8), 0, 8);
        const auto mask = static_cast<uint8_t>(0xff00U >> kept);
        bytes[i] = static_cast<uint8_t>((bytes[i] & mask) | (ones ? static_cast<uint8_t>(~mask) : 0));
    }
    return bytes;
}

std::optional<IpBytes> bytes_of(const Address& address) {
    IpBytes out = kMapped;
    if (address.family() == AF_INET) {
        std::memcpy(out.data() + 12, &reinterpret_cast<const sockaddr_in*>(address.raw())->sin_addr, 4);
        return out;
    }
    if (address.family() != AF_INET6) return std::nullopt;
    std::memcpy(out.data(), &reinterpret_cast<const sockaddr_in6*>(address.raw())->sin6_addr, out.size());
    return out;
}

// The next address; of the last one the first, which ends the merging below.
IpBytes next(IpBytes bytes) {
    for (size_t i = bytes.size(); i > 0; --i) {
        if (++bytes[i - 1] != 0) break;
    }
    return bytes;
}

}  // namespace

std::expected<Prefix, std::string> Prefix::parse(std::string_view text) {
    const size_t slash = text.find('/');
    const auto ip = parse_ip(text.substr(0, slash));
    if (!ip) return std::unexpected("must be an IP address or a network such as 10.0.0.0/8 or 2001:db8::/32");
    const unsigned most = ip->v4 ? 32 : 128;
    unsigned bits = most;
    if (slash != std::string_view::npos) {
        const std::string_view digits = text.substr(slash + 1);
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
        if (error != std::errc{} || end != digits.data() + digits.size() || bits > most || digits.front() == '+')
            return std::unexpected(fmt::format("must have a number of bits from 0 to {} behind the \"/\"", most));
    }
    Prefix made{.first = ip->bytes, .bits = static_cast<uint8_t>(ip->v4 ? bits + kV4Offset : bits), .v4 = ip->v4};
    made.first = with_tail(ip->bytes, made.bits, false);
    // Whoever writes 10.1.2.3/8 may have meant the address or the network.
    if (made.first != ip->bytes)
        return std::unexpected(fmt::format("has bits behind the network; did you mean {}?", text_of(made)));
    return made;
}

std::string Prefix::text_of(const Prefix& prefix) {
    char text[INET6_ADDRSTRLEN];
    const uint8_t* const at = prefix.v4 ? prefix.first.data() + 12 : prefix.first.data();
    inet_ntop(prefix.v4 ? AF_INET : AF_INET6, at, text, sizeof text);
    const unsigned bits = prefix.v4 ? prefix.bits - kV4Offset : prefix.bits;
    if (bits == (prefix.v4 ? 32U : 128U)) return text;
    return fmt::format("{}/{}", text, bits);
}

PrefixSet::PrefixSet(const std::vector<Prefix>& prefixes) {
    std::vector<Range> all;
    all.reserve(prefixes.size());
    for (const Prefix& one : prefixes) all.push_back({one.first, with_tail(one.first, one.bits, true)});
    std::ranges::sort(all, {}, &Range::first);
    for (const Range& one : all) {
        const bool touches =
            !ranges_.empty() && (one.first <= ranges_.back().last || one.first == next(ranges_.back().last));
        if (touches) {
            ranges_.back().last = std::max(ranges_.back().last, one.last);
        } else {
            ranges_.push_back(one);
        }
    }
}

bool PrefixSet::contains(const Address& address) const {
    if (ranges_.empty()) return false;
    const auto bytes = bytes_of(address);
    if (!bytes) return false;
    const auto after = std::ranges::upper_bound(ranges_, *bytes, {}, &Range::first);
    return after != ranges_.begin() && *bytes <= std::prev(after)->last;
}

}  // namespace tl::net
