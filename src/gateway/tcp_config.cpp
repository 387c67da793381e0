#include "gateway/tcp_config.h"

#include "gateway/config.h"

namespace tl::gateway {

const manifest::Object<TcpListenConfig>& tcp_listen_schema() {
    static const auto schema =
        manifest::Object<TcpListenConfig>("a port of TCP")
            .field("listen", &TcpListenConfig::listen,
                   manifest::custom<net::Address>("a port or an address such as 0.0.0.0:5432", parse_listen,
                                                  [](const net::Address& a) { return a.to_string(); }))
            .required()
            .doc("Where clients connect. A port alone listens on 127.0.0.1.")
            .example("5432")
            .field("to", &TcpListenConfig::to, manifest::dns_label("a service's name"))
            .required()
            .doc("The service that gets the connections; it has protocol: tcp.")
            .field("version", &TcpListenConfig::version, manifest::text("a version").any_scalar())
            .doc("Only this version of the service, whatever its split says.")
            .default_is("by the split")
            .field("tls", &TcpListenConfig::tls, manifest::boolean())
            .doc("Clients speak TLS, with the certificates of gateway.tls; the service gets what is inside.");
    return schema;
}

std::string tcp_route_name(const TcpListenConfig& config) { return "tcp " + config.listen.value.to_string(); }

}  // namespace tl::gateway
