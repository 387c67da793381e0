// Certificates as values: read from PEM text, looked at, matched with keys and names. No TLS connection is needed for
// any of this, so that `check` and `status` use it, too. Immutable; any thread. Files are read by whoever owns them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"

namespace tl::net {

// What a person wants to know of a certificate.
struct CertificateFacts {
    std::string subject;  // "CN=shop.example,O=Shop"
    std::string issuer;
    std::vector<std::string> names;  // DNS names and IP addresses (subjectAltName), as written there
    std::vector<std::string> uris;   // of services: "spiffe://..."
    base::WallTime from;
    base::WallTime until;
    std::string key;     // "RSA 2048", "EC P-256", "Ed25519"
    std::string sha256;  // of the certificate, hex

    // "expired on 2026-01-31" or "valid from 2027-01-01 only"; "" when `now` is within.
    [[nodiscard]] std::string out_of_time(base::WallTime now) const;
};

// A certificate with its chain and, where we are who it speaks of, its key.
class Credential {
  public:
    Credential();
    ~Credential();
    Credential(const Credential&) = delete;
    Credential& operator=(const Credential&) = delete;

    // `certificates`: the certificate first, then those that sign it. `key` may be the same text. The error says what
    // is wrong with which of the two: no PEM, a key with a passphrase, a key of another certificate.
    [[nodiscard]] static base::Result<std::shared_ptr<const Credential>> parse(std::string_view certificates,
                                                                               std::string_view key);
    [[nodiscard]] const CertificateFacts& facts() const { return facts_; }

    struct Parts;  // net/credential.h
    [[nodiscard]] const Parts& parts() const { return *parts_; }

  private:
    CertificateFacts facts_;
    std::unique_ptr<Parts> parts_;
};
using CredentialPtr = std::shared_ptr<const Credential>;

// The certificates of a CA file, for `check` and `status`. At least one.
[[nodiscard]] base::Result<std::vector<CertificateFacts>> parse_certificates(std::string_view text);

}  // namespace tl::net
