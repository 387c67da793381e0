// After 101 Switching Protocols: the answer's head, then a relay of bytes (relay.h) under the route's stream_idle.
#pragma once

#include "proxy/request_context.h"

namespace tl::proxy {

[[nodiscard]] rt::Task<base::Result<void>> relay_tunnel(RequestContext& context, http::ClientExchange& upstream,
                                                        codec::ResponseHead& head);

}  // namespace tl::proxy
