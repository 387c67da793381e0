#include "gateway/tls_config.h"

#include "gateway/config.h"

namespace tl::gateway {

using manifest::Object;
using manifest::text;

namespace {

const Object<CertificateConfig>& certificate_schema() {
    static const auto schema = Object<CertificateConfig>("a certificate")
                                   .field("cert", &CertificateConfig::cert, text("a PEM file"))
                                   .required()
                                   .doc("The certificate, with those that sign it behind it (PEM).")
                                   .example("certs/shop.pem")
                                   .field("key", &CertificateConfig::key, text("a PEM file"))
                                   .doc("Its private key (PEM, without a passphrase).")
                                   .default_is("in the same file as the certificate");
    return schema;
}

const Object<ClientAuthConfig>& client_auth_schema() {
    static const auto schema =
        Object<ClientAuthConfig>("the rule for clients' certificates")
            .field("ca", &ClientAuthConfig::ca, text("a PEM file"))
            .required()
            .doc("The authorities whose signature under a client's certificate counts (PEM).")
            .field(
                "mode", &ClientAuthConfig::mode,
                manifest::one_of<ClientAuth>({{"required", ClientAuth::required}, {"optional", ClientAuth::optional}}))
            .doc("required: no certificate, no connection. optional: services see who has shown one.");
    return schema;
}

}  // namespace

const Object<TlsConfig>& tls_schema() {
    static const auto schema =
        Object<TlsConfig>("TLS at the gateway")
            .position(&TlsConfig::at)
            .field("issuer", &TlsConfig::issuer, manifest::one_of<Issuer>({{"local", Issuer::local}}))
            .doc("local: an authority in the state folder signs for localhost and the routes' hosts. For development.")
            .default_is("none: certificates come from files")
            .field("cert", &TlsConfig::cert, text("a PEM file"))
            .doc("The certificate, with those that sign it behind it (PEM). A changed file is taken over by itself.")
            .example("certs/shop.pem")
            .field("key", &TlsConfig::key, text("a PEM file"))
            .doc("Its private key (PEM, without a passphrase).")
            .default_is("in the same file as the certificate")
            .field("certificates", &TlsConfig::certificates, manifest::list_of(certificate_schema()).at_most(1000))
            .doc("Several: each client gets the one for the host that it asks for, others the first.")
            .field("client_auth", &TlsConfig::client_auth, client_auth_schema())
            .doc("Ask clients for certificates.")
            .field("min_version", &TlsConfig::min_version,
                   manifest::one_of<LeastVersion>({{"1.2", LeastVersion::tls12}, {"1.3", LeastVersion::tls13}}))
            .doc("The oldest version of TLS that is spoken.")
            .field("redirect", &TlsConfig::redirect, manifest::boolean())
            .doc("Listeners without TLS send clients to https:// (308) instead of serving them.");
    return schema;
}

std::vector<CertificateConfig> certificates_of(const TlsConfig& config) {
    std::vector<CertificateConfig> all;
    if (config.cert) all.push_back({*config.cert, config.key});
    all.insert(all.end(), config.certificates.begin(), config.certificates.end());
    return all;
}

std::string Listen::to_string() const {
    const std::string_view prefix = scheme == Scheme::http ? "http://" : scheme == Scheme::https ? "https://" : "";
    return std::string{prefix} + address.to_string();
}

std::expected<Listen, std::string> parse_listener(std::string_view text) {
    Listen listen;
    const auto take = [&](std::string_view prefix, Listen::Scheme scheme) {
        if (!text.starts_with(prefix)) return;
        text.remove_prefix(prefix.size());
        listen.scheme = scheme;
    };
    take("https://", Listen::Scheme::https);
    if (listen.scheme == Listen::Scheme::automatic) take("http://", Listen::Scheme::http);
    auto address = parse_listen(text);
    if (!address) return std::unexpected(std::move(address.error()));
    listen.address = *address;
    return listen;
}

}  // namespace tl::gateway
