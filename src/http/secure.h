// The TLS handshake of a client that has just connected, and what a client gets that does not manage it.
#pragma once

#include <memory>

#include "net/tls.h"

namespace tl::http {

// The stream inside TLS; nullptr when the handshake failed and everything about that has been said. `cancel` ends it.
[[nodiscard]] rt::Task<std::unique_ptr<net::Stream>> secure(net::TlsAcceptor& acceptor,
                                                            std::unique_ptr<net::Stream> stream, rt::Cancel* cancel);

}  // namespace tl::http
