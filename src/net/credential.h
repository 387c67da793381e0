// OpenSSL's side of net/certificate.h. For the files of this room only.
#pragma once

#include <vector>

#include "net/certificate.h"
#include "net/openssl.h"

namespace tl::net {

struct Credential::Parts {
    X509Ptr certificate;
    std::vector<X509Ptr> chain;
    KeyPtr key;
};

[[nodiscard]] CertificateFacts facts_of(X509* certificate);
// All certificates of a PEM text, in order.
[[nodiscard]] base::Result<std::vector<X509Ptr>> read_certificates(std::string_view text);
// Makes `context` show the credential; a second one of another kind of key stands beside it.
[[nodiscard]] base::Result<void> use_credential(SSL_CTX* context, const Credential& credential);

}  // namespace tl::net
