// The auth method of signed requests (RFC 9421): which keys there are, what must be signed, how old a signature may be.
// Keys are read when the manifest is loaded. Immutable, shared by cores; 20 to 150 us of CPU a request.
#pragma once

#include "base/clock.h"
#include "gateway/auth/message_signature.h"
#include "gateway/auth/method.h"
#include "net/signature.h"

namespace tl::gateway {

struct SignatureKey {
    std::string id;  // what a signature names; the identity's subject
    net::VerifyingKeyPtr key;
    std::vector<std::string> roles;
    std::string plan;
};

struct SignatureOptions {
    std::vector<SignatureKey> keys;
    std::vector<std::string> algorithms;  // of RFC 9421's names; empty: all that fit the key
    std::vector<std::string> covers;      // components that must be signed
    std::string label;                    // "": the only signature
    std::string tag;                      // "": any
    base::Duration max_age = std::chrono::minutes{5};
    base::Duration leeway = std::chrono::seconds{30};
    bool body = true;  // a request with a body must sign its Content-Digest
};

// The algorithm of that name (section 6.2.2); nullopt: none that is known.
[[nodiscard]] std::optional<net::SignatureAlgorithm> message_algorithm(std::string_view name);
[[nodiscard]] const std::vector<std::string>& message_algorithm_names();

[[nodiscard]] MethodPtr make_signature_method(SignatureOptions options);

// Everything that is said of a signature but whether it is right: keys, times, what it covers. Pure.
[[nodiscard]] std::expected<const SignatureKey*, std::string> judge_signature(const SignatureOptions& options,
                                                                              const MessageSignature& signature,
                                                                              bool has_body, base::WallTime now);
// The algorithms by which `signature` may have been made with `key`: what `alg` says, if that fits and is allowed, or
// all that do.
[[nodiscard]] std::vector<net::SignatureAlgorithm> algorithms_for(const SignatureOptions& options,
                                                                  const SignatureKey& key,
                                                                  const MessageSignature& signature);

}  // namespace tl::gateway
