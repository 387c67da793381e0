// The end of a client's connection in good order, after the last answer. Both versions of HTTP use it.
#pragma once

#include "net/stream.h"

namespace tl::http {

// The peer may still be sending; closing at once would reset the connection and could destroy our answer on its way
// (RFC 9112 9.6). So: no more from us, and what comes is thrown away until the peer has stopped (1 s of silence), 5 s
// at most, or until `hard`.
[[nodiscard]] rt::Task<void> linger(net::Stream& stream, rt::Cancel* hard);

}  // namespace tl::http
