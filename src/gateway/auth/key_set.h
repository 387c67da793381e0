// Keys that sign tokens: a JSON Web Key Set (RFC 7517), or one key from a file. Immutable once made. Keys that cannot
// be used (another purpose, another kind, too short) are left out, for an issuer may have them for other clients.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/signature.h"

namespace tl::gateway {

struct SigningKey {
    std::string kid;                                   // "" when it has no name
    std::optional<net::SignatureAlgorithm> algorithm;  // the only one it is for, when it says so
    net::VerifyingKeyPtr key;
};

struct KeySet {
    static constexpr size_t kMost = 100;

    std::vector<SigningKey> keys;
    size_t left_out = 0;

    [[nodiscard]] bool has(std::string_view kid) const;
};

// Never of symmetric keys: what is published is no secret. Errors: no JWKS, not one key that can be used.
[[nodiscard]] base::Result<KeySet> parse_key_set(std::string_view json);
// A JWKS, or PEM with a public key or certificate.
[[nodiscard]] base::Result<KeySet> parse_key_file(std::string_view text);

}  // namespace tl::gateway
