// Text that we give away and take back: encrypted and authenticated by AES-256-GCM (NIST SP 800-38D), under a key that
// HKDF-SHA-256 (RFC 5869) derives from a secret and a purpose, so that what is sealed for one purpose opens for no
// other. Nonces are random: seal fewer than 2^32 texts with one secret. Immutable; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace tl::net {

class Sealer {
  public:
    static constexpr size_t kLeastSecret = 32;    // bytes
    static constexpr size_t kOverhead = 12 + 16;  // of nonce and tag
    static constexpr size_t kMostSealed = size_t{1} << 20;

    // Errors: invalid (the secret is too short), internal (OpenSSL cannot).
    [[nodiscard]] static base::Result<Sealer> make(std::string_view secret, std::string_view purpose);
    Sealer(const Sealer&) = default;
    Sealer& operator=(const Sealer&) = default;
    ~Sealer();

    // Nonce, ciphertext and tag; "" when OpenSSL cannot.
    [[nodiscard]] std::string seal(std::string_view plain) const;
    // nullopt for whatever seal() of this key has not made.
    [[nodiscard]] std::optional<std::string> open(std::string_view sealed) const;

  private:
    Sealer() = default;
    std::array<uint8_t, 32> key_{};
};

}  // namespace tl::net
