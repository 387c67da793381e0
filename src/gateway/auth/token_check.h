// Whether a token may be believed, and who it names: algorithm, signature, issuer, audience and times, in the order of
// RFC 8725. Pure: keys and the time are given.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "gateway/auth/key_set.h"
#include "gateway/auth/token.h"
#include "proxy/identity.h"

namespace tl::gateway {

// What a token must say. Plain values.
struct TokenRules {
    std::vector<net::SignatureAlgorithm> algorithms;
    std::string issuer;                  // "": any
    std::vector<std::string> audiences;  // one of these; empty: any
    std::string type;                    // the header's typ, without "application/"; "": any
    base::Duration leeway = std::chrono::seconds{30};
    // Where claims are that become an identity; paths with dots.
    std::string subject = "sub";
    std::string roles = "roles";
    std::string plan = "plan";
    std::string method = "jwt";  // as the identity names it
};

struct TokenVerdict {
    proxy::IdentityPtr identity;  // nullptr: refused
    base::WallTime until;         // when it ends, leeway included
    std::string why;              // refused: a sentence for the client
    bool unknown_key = false;     // refused because of a key that is not known: newer keys may know it
};

// Whom claims name that were checked before; by rules.subject and what follows it.
[[nodiscard]] proxy::IdentityPtr identity_of(const nlohmann::json& claims, const TokenRules& rules);

[[nodiscard]] TokenVerdict check_token(const Token& token, const KeySet& keys, const TokenRules& rules,
                                       base::WallTime now);

}  // namespace tl::gateway
