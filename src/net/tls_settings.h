// What all our ends of TLS have in common: versions, ciphers, memory. For the files of this room only.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "net/openssl.h"

namespace tl::net {

enum class TlsEnd : uint8_t { server, client };

// Ready but for certificates and trust.
[[nodiscard]] base::Result<SslContextPtr> make_context(TlsEnd end, bool only_13);
// Trusts what the certificates of `pem` have signed, and nothing else.
[[nodiscard]] base::Result<void> trust(SSL_CTX* context, std::string_view pem);
// Protocol names as they go over the wire (RFC 7301 3.1).
[[nodiscard]] std::string alpn_wire(const std::vector<std::string>& names);

}  // namespace tl::net
