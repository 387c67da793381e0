#include "mesh/tls_config.h"

#include "base/text.h"
#include "codec/http1.h"

namespace tl::mesh {

using manifest::text;

namespace {

std::optional<std::string> check_name(std::string_view name) {
    const bool plain = codec::is_valid_authority(name) && name.find(':') == std::string_view::npos;
    if (plain && base::lower(name) == name) return std::nullopt;
    return "is no host name in lower case, such as api.example";
}

}  // namespace

const manifest::Object<ServiceTlsConfig>& service_tls_schema() {
    static const auto schema =
        manifest::Object<ServiceTlsConfig>("TLS to a service")
            .position(&ServiceTlsConfig::at)
            .field("ca", &ServiceTlsConfig::ca, text("a PEM file"))
            .doc("The authorities whose signature counts (PEM), and no others; or the service's own certificate.")
            .default_is("the roots of the system")
            .field("name", &ServiceTlsConfig::name, text("a host name").check(check_name))
            .doc("The name that the service's certificate must have.")
            .default_is("the host of the address")
            .field("cert", &ServiceTlsConfig::cert, text("a PEM file"))
            .doc("The certificate that we show when the service asks for one (PEM).")
            .default_is("none")
            .field("key", &ServiceTlsConfig::key, text("a PEM file"))
            .doc("Its private key (PEM, without a passphrase).")
            .default_is("in the same file as the certificate");
    return schema;
}

}  // namespace tl::mesh
