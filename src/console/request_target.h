// What a request of the admin API is about: the path in segments and the query by name, percent-decoded. Plain
// functions over the bytes of the head; owns what it holds.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace tl::console {

struct RequestTarget {
    std::vector<std::string> segments;                       // "/v1/services/a%20b" is v1, services, "a b"
    std::vector<std::pair<std::string, std::string>> query;  // in order; a key without "=" has the value ""

    // Code::invalid for a broken percent code or a control byte.
    [[nodiscard]] static base::Result<RequestTarget> parse(std::string_view path, std::string_view query);

    // The last value of `key`.
    [[nodiscard]] std::optional<std::string_view> find(std::string_view key) const;
    // Code::invalid unless it is a whole number up to `most`; `otherwise` when absent.
    [[nodiscard]] base::Result<size_t> number(std::string_view key, size_t otherwise, size_t most) const;
    // 1, true or no value: true. 0, false or absent: false.
    [[nodiscard]] base::Result<bool> flag(std::string_view key) const;
};

// %XX for everything but unreserved characters (RFC 3986 2.3), for the commands.
[[nodiscard]] std::string percent_encode(std::string_view text);

}  // namespace tl::console
