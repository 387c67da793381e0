// What the manifest says about TLS at the public door: `gateway.tls`. Plain values; that the files are there and fit
// together is checked in app/, which knows the manifest's folder.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "manifest/schema.h"
#include "net/address.h"

namespace tl::gateway {

// Where the gateway listens, and whether it must speak TLS there.
struct Listen {
    enum class Scheme : uint8_t { automatic /* https if `tls` is there */, http, https };
    net::Address address;
    Scheme scheme = Scheme::automatic;

    friend bool operator==(const Listen&, const Listen&) = default;
    [[nodiscard]] std::string to_string() const;  // what parse_listeners reads
};

struct CertificateConfig {
    manifest::Located<std::string> cert;
    std::optional<manifest::Located<std::string>> key;  // without: in the same file
};

enum class ClientAuth : uint8_t { required, optional };

struct ClientAuthConfig {
    manifest::Located<std::string> ca;
    ClientAuth mode = ClientAuth::required;
};

enum class Issuer : uint8_t { local };
enum class LeastVersion : uint8_t { tls12, tls13 };

struct TlsConfig {
    manifest::Position at;
    std::optional<Issuer> issuer;
    std::optional<manifest::Located<std::string>> cert;  // the one certificate, for short
    std::optional<manifest::Located<std::string>> key;
    std::vector<CertificateConfig> certificates;
    std::optional<ClientAuthConfig> client_auth;
    LeastVersion min_version = LeastVersion::tls12;
    bool redirect = false;
};

[[nodiscard]] const manifest::Object<TlsConfig>& tls_schema();

// All certificates from files, those of `cert` and `key` first.
[[nodiscard]] std::vector<CertificateConfig> certificates_of(const TlsConfig& config);

// "8443" is 127.0.0.1:8443; "https://0.0.0.0:443" and "http://8080" say which of the two it must be.
[[nodiscard]] std::expected<Listen, std::string> parse_listener(std::string_view text);

}  // namespace tl::gateway
