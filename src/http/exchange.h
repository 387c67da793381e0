// One request and its answer on one side of a connection, whatever the version of HTTP. The server side is given to a
// Handler; the client side is opened on a connection of a pool. Both live on one core, end with their frame, and hold
// the memory that the heads' views point into.
#pragma once

#include <memory>
#include <optional>

#include "base/error.h"
#include "http/message.h"
#include "net/stream.h"
#include "rt/task.h"
#include "rt/waiter.h"

namespace tl::http {

// A body that arrives. Pieces are views that hold until the next call.
class IncomingBody {
  public:
    virtual ~IncomingBody() = default;
    // What is at hand without waiting; nullopt when only waiting would tell more. After `end`, always {"" , end}.
    [[nodiscard]] virtual std::optional<base::Result<Piece>> try_read() = 0;
    // At least one byte, or the end. Errors: invalid (framing), too_large, timeout, closed/reset, cancelled.
    [[nodiscard]] virtual rt::Task<base::Result<Piece>> read(rt::Wait wait) = 0;
    // After `end`.
    [[nodiscard]] virtual const codec::HeaderTable& trailers() const = 0;
};

// The bytes of a connection that stopped speaking HTTP (101): the stream, and what had been read too far.
struct Tunnel {
    net::Stream* stream = nullptr;
    std::string_view early;  // valid as long as the exchange
};

class ServerExchange : public IncomingBody {
  public:
    [[nodiscard]] virtual codec::RequestHead& request() = 0;
    [[nodiscard]] virtual const net::Address& peer() const = 0;
    // What the client's TLS handshake found; nullptr: it came without TLS.
    [[nodiscard]] virtual const net::TlsInfo* tls() const { return nullptr; }
    [[nodiscard]] virtual BodyLength request_length() const = 0;

    // 1xx other than 101.
    [[nodiscard]] virtual rt::Task<base::Result<void>> send_informational(const OutgoingResponse& response) = 0;
    // The head, together with the first stretch of the body (may be empty). Once only.
    [[nodiscard]] virtual rt::Task<base::Result<void>> send(const OutgoingResponse& response, Piece first) = 0;
    // Further stretches. `trailers` with the last one, may be nullptr.
    [[nodiscard]] virtual rt::Task<base::Result<void>> send_body(Piece piece, const codec::HeaderTable* trailers) = 0;
    // After a 101 was sent.
    [[nodiscard]] virtual Tunnel tunnel() = 0;

    [[nodiscard]] virtual bool response_started() const = 0;
    // The answer broke off: the connection must not end as if it were whole.
    virtual void abort() = 0;
    // Requested when the peer is gone (reset, or closed both ways) or the server stops hard.
    [[nodiscard]] virtual rt::Cancel& cancel() = 0;
};

class ClientExchange : public IncomingBody {
  public:
    // The head, with the first stretch of the body.
    [[nodiscard]] virtual rt::Task<base::Result<void>> send(const OutgoingRequest& request, Piece first,
                                                            rt::Wait wait) = 0;
    [[nodiscard]] virtual rt::Task<base::Result<void>> send_body(Piece piece, const codec::HeaderTable* trailers,
                                                                 rt::Wait wait) = 0;
    // The next head: any number of 1xx, then the final one. Valid until the next call of read_head.
    [[nodiscard]] virtual rt::Task<base::Result<codec::ResponseHead*>> read_head(rt::Wait wait) = 0;
    [[nodiscard]] virtual BodyLength response_length() const = 0;
    [[nodiscard]] virtual Tunnel tunnel() = 0;
    // False is a proof that nothing of the request has reached the program at the other end: it had closed the
    // connection before. Worth asking when no answer came.
    [[nodiscard]] virtual bool request_may_have_arrived() const = 0;
    // Bytes of the response have arrived: the request may have had its effect.
    [[nodiscard]] virtual bool response_seen() const = 0;
};

// What a server does with a request. One object serves all sessions of a core; it must answer (send) or abort().
class Handler {
  public:
    virtual ~Handler() = default;
    [[nodiscard]] virtual rt::Task<void> handle(ServerExchange& exchange) = 0;
};

}  // namespace tl::http
