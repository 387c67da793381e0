#include "net/tls_settings.h"

#include "net/credential.h"

namespace tl::net {

namespace {

// Forward secrecy and authenticated encryption only: what every client since 2014 has (Mozilla's "intermediate" without
// the slow finite-field Diffie-Hellman). 128 bits first: as safe, and cheaper.
constexpr const char* kCiphers12 =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
constexpr const char* kCiphers13 = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
constexpr const char* kGroups = "X25519:P-256:P-384";
// A client without AES in hardware asks for ChaCha20 first, and gets it.
constexpr uint64_t kOptions =
    SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA;
// Buffers only while bytes wait in them; a write that took a part says so, and may be repeated from another place.
constexpr long kMode = SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER;

}  // namespace

base::Result<SslContextPtr> make_context(TlsEnd end, bool only_13) {
    SslContextPtr context{SSL_CTX_new(end == TlsEnd::server ? TLS_server_method() : TLS_client_method())};
    SSL_CTX* const raw = context.get();
    const bool made = raw != nullptr &&
                      SSL_CTX_set_min_proto_version(raw, only_13 ? TLS1_3_VERSION : TLS1_2_VERSION) == 1 &&
                      SSL_CTX_set_cipher_list(raw, kCiphers12) == 1 && SSL_CTX_set_ciphersuites(raw, kCiphers13) == 1 &&
                      SSL_CTX_set1_groups_list(raw, kGroups) == 1;
    if (!made) return base::fail(base::Code::internal, "TLS cannot be set up: " + take_openssl_error());
    SSL_CTX_set_options(raw, kOptions);
    SSL_CTX_set_mode(raw, kMode);
    SSL_CTX_set_read_ahead(raw, 1);  // a record's head and body in one call
    return context;
}

base::Result<void> trust(SSL_CTX* context, std::string_view pem) {
    auto all = read_certificates(pem);
    if (!all) return base::fail(std::move(all.error()));
    X509_STORE* const store = SSL_CTX_get_cert_store(context);
    for (const X509Ptr& one : *all) X509_STORE_add_cert(store, one.get());
    // What is named here is trusted, a root or not: a self-signed certificate, or an authority below another.
    X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
    ERR_clear_error();
    return {};
}

std::string alpn_wire(const std::vector<std::string>& names) {
    std::string wire;
    for (const std::string& name : names) {
        wire += static_cast<char>(name.size());
        wire += name;
    }
    return wire;
}

}  // namespace tl::net
