// The header of the PROXY protocol (HAProxy, doc/proxy-protocol.txt, 2.1 and 2.2) that tells an instance who its client
// is. Pure bytes; sent before anything else, in front of TLS too.
#pragma once

#include <string>

#include "net/address.h"
#include "proxy/traffic.h"

namespace tl::proxy {

// `client` as it came to `door`; both of one family. Where they are not, or no IP addresses: v1 says UNKNOWN, v2 that
// the connection is the sender's own (LOCAL). "" for none.
[[nodiscard]] std::string make_proxy_header(ProxyHeader version, const net::Address& client, const net::Address& door);

}  // namespace tl::proxy
