// Base64 (RFC 4648) of whole texts (in pieces: base64.h), strict: one text for each bytes, so that what is signed or
// compared cannot be written in a second way. No white space, no characters of the other alphabet, and the bits behind
// the last byte are 0. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tl::codec {

// Section 4, with padding.
[[nodiscard]] std::optional<std::string> decode_base64(std::string_view text);
// Section 5, without padding, as JOSE writes it (RFC 7515 2).
[[nodiscard]] std::optional<std::string> decode_base64url(std::string_view text);
[[nodiscard]] std::string encode_base64url(std::string_view bytes);

}  // namespace tl::codec
