// What goes out: heads as a caller states them, pieces of bodies, and the limits of a session. Views are the caller's
// and must hold until the call that takes them has returned.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/clock.h"
#include "codec/headers.h"
#include "codec/http1.h"
#include "http/http2_limits.h"
#include "http/pace.h"

namespace tl::http {

using namespace std::chrono_literals;

// A stretch of a body. `end`: nothing follows (data may still be there).
struct Piece {
    std::string_view data;
    bool end = false;
};

// How long the body will be. Sessions turn this into Content-Length, chunks or the end of the connection.
struct BodyLength {
    enum class Kind : uint8_t { none, known, unknown } kind = Kind::none;
    uint64_t bytes = 0;  // known
};

// `headers` holds no Connection, Content-Length, Transfer-Encoding, Keep-Alive: framing is the session's business
// (a Content-Length of a HEAD or 304 answer is given by `length`, with no body following).
struct OutgoingRequest {
    std::string_view method;
    std::string_view target;
    const codec::HeaderTable* headers = nullptr;  // with Host
    BodyLength length;
    std::string_view upgrade;  // the protocol to upgrade to; adds Connection: upgrade and Upgrade
    bool trailers = false;     // the client said TE: trailers; passed on where the version has a place for it
};

struct OutgoingResponse {
    uint16_t status = 200;
    std::string_view reason;  // "" for the standard one
    const codec::HeaderTable* headers = nullptr;
    BodyLength length;
    std::string_view upgrade;  // status 101
};

// All bounds of one server session; each is a key of the manifest.
struct ServerLimits {
    codec::Http1Limits head;
    uint64_t body = 16ULL << 20;         // bytes of a request body
    base::Duration head_deadline = 10s;  // from the first byte of a head to its end
    base::Duration body_idle = 30s;      // for enough of a request body: see `rate`
    base::Duration write_idle = 30s;     // for a blocked write to get far enough
    uint32_t rate = 0;                   // bytes a second that are enough; 0: any byte is
    base::Duration keep_alive = 75s;     // idle between two requests
    size_t memory = 0;                   // bytes of all buffers of the thread; 0: no budget
    Http2Limits http2;
    uint32_t connections_per_client = 0;  // of one address, on this listener and thread; 0: no cap

    [[nodiscard]] Patience for_reader() const { return {write_idle, rate}; }
    // A client that sends while it is answered talks with the service: it may be silent, but not for too long.
    [[nodiscard]] Patience for_body(bool conversation) const { return {body_idle, conversation ? 0 : rate}; }
};

struct ClientLimits {
    codec::Http1Limits head;
    base::Duration body_idle = 60s;  // between two pieces of a response body
    base::Duration write_idle = 30s;
    Http2Limits http2;
};

}  // namespace tl::http
