// Where in a request an API key may stand, as a manifest says it.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace tl::gateway {

// "header X-API-Key", "authorization Bearer", "query api_key".
struct KeyPlace {
    enum class Kind : uint8_t { header, authorization, query };
    Kind kind = Kind::header;
    std::string name = "X-API-Key";
    bool operator==(const KeyPlace&) const = default;
};
[[nodiscard]] std::expected<KeyPlace, std::string> parse_key_place(std::string_view text);
[[nodiscard]] std::string to_string(const KeyPlace& place);

}  // namespace tl::gateway
