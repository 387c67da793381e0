// Sets of IP addresses given as networks (CIDR, RFC 4632): trusted proxies, allow and deny lists. Kept as disjoint
// ranges in order, so a set of any size is one flat array and a look-up is one binary search: smaller than a tree of
// prefixes and without a pointer to follow. Values; immutable once made, shared by cores.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "net/address.h"

namespace tl::net {

// 128 bits in network order; IPv4 stands at ::ffff:0:0/96, so that a mapped address is the one that it means.
using IpBytes = std::array<uint8_t, 16>;

struct Prefix {
    IpBytes first{};
    uint8_t bits = 0;  // of 128
    bool v4 = false;   // written so

    bool operator==(const Prefix&) const = default;
    // "10.0.0.0/8", "2001:db8::/32", "192.0.2.7". The error reads after the text: "must be ...".
    [[nodiscard]] static std::expected<Prefix, std::string> parse(std::string_view text);
    [[nodiscard]] static std::string text_of(const Prefix& prefix);
};

class PrefixSet {
  public:
    PrefixSet() = default;
    explicit PrefixSet(const std::vector<Prefix>& prefixes);

    [[nodiscard]] bool empty() const { return ranges_.empty(); }
    [[nodiscard]] size_t ranges() const { return ranges_.size(); }
    // False for Unix sockets.
    [[nodiscard]] bool contains(const Address& address) const;

  private:
    struct Range {
        IpBytes first;
        IpBytes last;
    };
    std::vector<Range> ranges_;  // in order, none touches the next
};

}  // namespace tl::net
