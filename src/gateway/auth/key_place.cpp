#include "gateway/auth/key_place.h"

#include <fmt/format.h>

#include <array>

#include "base/text.h"
#include "codec/http1.h"

namespace tl::gateway {

std::expected<KeyPlace, std::string> parse_key_place(std::string_view text) {
    const size_t space = text.find(' ');
    const std::string_view kind = text.substr(0, space);
    const std::string_view name = space == std::string_view::npos ? "" : base::trim(text.substr(space));
    KeyPlace place{.kind = KeyPlace::Kind::header, .name = std::string{name}};
    if (kind == "authorization") place.kind = KeyPlace::Kind::authorization;
    if (kind == "query") place.kind = KeyPlace::Kind::query;
    const bool known = kind == "header" || kind == "authorization" || kind == "query";
    if (!known || !codec::is_token(name)) return std::unexpected("");
    if (kind == "header" && codec::lookup_field(name) != codec::Field::other) {
        return std::unexpected(
            "names a header that has another meaning; use \"authorization SCHEME\" for Authorization");
    }
    return place;
}

std::string to_string(const KeyPlace& place) {
    static constexpr std::array<std::string_view, 3> kKinds{"header", "authorization", "query"};
    return fmt::format("{} {}", kKinds[static_cast<size_t>(place.kind)], place.name);
}

}  // namespace tl::gateway
