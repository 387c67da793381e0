// Sends a client that came without TLS to the same place with it (RFC 9110 15.4.9).
#pragma once

#include "proxy/request_context.h"

namespace tl::proxy {

// Answers with 308 and the door's https port. Without a host in the request: 400, as there is nowhere to send it.
[[nodiscard]] rt::Task<void> send_to_https(RequestContext& context);

}  // namespace tl::proxy
