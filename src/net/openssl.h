// OpenSSL's objects with owners, and its errors as sentences. For the files of this room only: no other room includes
// OpenSSL.
#pragma once

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>

#include "base/clock.h"

namespace tl::net {

template <auto Free>
struct FreeBy {
    template <class T>
    void operator()(T* object) const {
        Free(object);
    }
};
using BioPtr = std::unique_ptr<BIO, FreeBy<BIO_free_all>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, FreeBy<EVP_PKEY_free>>;
using X509Ptr = std::unique_ptr<X509, FreeBy<X509_free>>;
using SslPtr = std::unique_ptr<SSL, FreeBy<SSL_free>>;
using SslContextPtr = std::unique_ptr<SSL_CTX, FreeBy<SSL_CTX_free>>;
using SslSessionPtr = std::unique_ptr<SSL_SESSION, FreeBy<SSL_SESSION_free>>;

// Memory to be read as a file; `text` must outlive it.
[[nodiscard]] BioPtr read_from(std::string_view text);

// What OpenSSL complains about last, in its words ("key values mismatch"), and clears its queue.
[[nodiscard]] std::string take_openssl_error();

[[nodiscard]] base::WallTime to_wall_time(const ASN1_TIME* time);
// "CN=shop.example,O=Shop" (RFC 2253); quotes, control bytes and all beyond ASCII are escaped.
[[nodiscard]] std::string to_text(const X509_NAME* name);
// "2026-03-01" in UTC.
[[nodiscard]] std::string to_date(base::WallTime time);

}  // namespace tl::net
