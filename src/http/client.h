// The client side of one connection: opened by a pool, used for one exchange after the other, given back when it may
// be used again. One core; its pool owns it. (A version that multiplexes gives more exchanges at a time.)
#pragma once

#include <memory>

#include "http/exchange.h"

namespace tl::http {

class ClientConnection {
  public:
    virtual ~ClientConnection() = default;
    // Begins an exchange; it lives inside the connection and ends with close_exchange().
    [[nodiscard]] virtual ClientExchange& open_exchange() = 0;
    // Ends it. True when the connection can serve another: both messages whole, nothing said about closing.
    virtual bool close_exchange() = 0;
    // Idle and, as far as is known, still open at the other end. (A call to the kernel only when the last read left it
    // open.)
    [[nodiscard]] virtual bool alive() = 0;
    [[nodiscard]] virtual net::Stream& stream() = 0;
};

[[nodiscard]] std::unique_ptr<ClientConnection> make_http1_client(std::unique_ptr<net::Stream> stream,
                                                                  const ClientLimits& limits);

}  // namespace tl::http
