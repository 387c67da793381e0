// A JSON Web Token in its compact form (RFC 7515 3.1, RFC 7519) taken apart, before anything in it is believed. What
// the header says about where keys are to be had (jku, jwk, x5u, x5c) is not even kept. Pure; fuzzed by
// tests/fuzz/fuzz_jwt.cpp.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace tl::gateway {

inline constexpr size_t kMostToken = 16 << 10;  // bytes

struct Token {
    std::string algorithm;           // as it says
    std::optional<std::string> kid;  // the name of the key, by its own word
    std::string type;                // "JWT", "at+jwt"; "" when it does not say
    nlohmann::json claims;
    std::string_view signed_part;  // header and payload; of the text that was parsed
    std::string signature;
};

// The error says what is wrong, in words that may go to the client. Extensions that are critical (RFC 7515 4.1.11) are
// an error, for none is known here; so are encrypted tokens.
[[nodiscard]] base::Result<Token> parse_token(std::string_view text);

// Who has made the token by its own word, to choose the rules that it is held against; "" when it does not say.
[[nodiscard]] std::string claimed_issuer(std::string_view text);

}  // namespace tl::gateway
