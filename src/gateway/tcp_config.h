// What the manifest says about public ports of TCP: `gateway.tcp`. Plain values; that a service speaks TCP, and that
// there are certificates, is checked in app/, which knows them all.
#pragma once

#include <optional>
#include <string>

#include "manifest/schema.h"
#include "net/address.h"

namespace tl::gateway {

struct TcpListenConfig {
    manifest::Located<net::Address> listen;
    manifest::Located<std::string> to;
    std::optional<manifest::Located<std::string>> version;  // of that service
    manifest::Located<bool> tls;
};

[[nodiscard]] const manifest::Object<TcpListenConfig>& tcp_listen_schema();
// "tcp 127.0.0.1:5432": what the route is called everywhere.
[[nodiscard]] std::string tcp_route_name(const TcpListenConfig& config);

}  // namespace tl::gateway
