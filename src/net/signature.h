// Signatures of JSON Web Algorithms (RFC 7518 3, RFC 8037 3.1): the primitives alone, so that OpenSSL stays in this
// room. What a token is and who may sign it is the caller's business (gateway/auth/). Keys are immutable and shared;
// checking a signature takes 20 to 150 us of CPU, any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace tl::net {

enum class SignatureAlgorithm : uint8_t {
    rs256,
    rs384,
    rs512,
    ps256,
    ps384,
    ps512,
    es256,
    es384,
    es512,
    eddsa,
    hs256,
    hs384,
    hs512,
};

// "RS256"; exactly so, case included. Never "none".
[[nodiscard]] std::optional<SignatureAlgorithm> signature_algorithm(std::string_view name);
[[nodiscard]] std::string_view to_string(SignatureAlgorithm algorithm);
[[nodiscard]] bool is_symmetric(SignatureAlgorithm algorithm);

class VerifyingKey {
  public:
    ~VerifyingKey();
    VerifyingKey(const VerifyingKey&) = delete;
    VerifyingKey& operator=(const VerifyingKey&) = delete;

    using Made = base::Result<std::shared_ptr<const VerifyingKey>>;
    // Big-endian numbers, as a JWK holds them. RSA has 2048 to 8192 bits.
    [[nodiscard]] static Made rsa(std::string_view modulus, std::string_view exponent);
    // `curve` is "P-256", "P-384" or "P-521"; the point is on it, its coordinates have the curve's full length.
    [[nodiscard]] static Made ec(std::string_view curve, std::string_view x, std::string_view y);
    [[nodiscard]] static Made ed25519(std::string_view x);
    // At least 32 bytes (RFC 7518 3.2 for HS256).
    [[nodiscard]] static Made secret(std::string_view bytes);
    // A public key or a certificate; each of a kind of the above.
    [[nodiscard]] static Made pem(std::string_view text);

    // Whether the algorithm is one for keys of this kind, curve and size.
    [[nodiscard]] bool fits(SignatureAlgorithm algorithm) const;
    // False for what does not fit, too. `signature` as JWS writes it: r and s of ECDSA side by side.
    [[nodiscard]] bool verify(SignatureAlgorithm algorithm, std::string_view data, std::string_view signature) const;

  private:
    struct Parts;  // net/signature.cpp
    explicit VerifyingKey(Parts parts);
    [[nodiscard]] static Made make(Parts parts);

    std::unique_ptr<Parts> parts_;
};
using VerifyingKeyPtr = std::shared_ptr<const VerifyingKey>;

}  // namespace tl::net
