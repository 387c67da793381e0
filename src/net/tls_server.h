// OpenSSL's side of TlsServer (net/tls.h). For the files of this room only.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "net/tls_stream.h"

namespace tl::net {

struct TlsServer::Contexts {
    std::vector<SslContextPtr> all;
    SSL_CTX* fallback = nullptr;                        // for clients that name nothing that we know
    std::unordered_map<std::string, SSL_CTX*> by_name;  // "shop.example", "*.shop.example"
    std::string alpn;                                   // as it goes over the wire
    TicketKeysPtr tickets;

    [[nodiscard]] SSL_CTX* find(std::string_view name) const;
};

[[nodiscard]] const TlsServer::Contexts& contexts_of(const SSL* ssl);

}  // namespace tl::net
