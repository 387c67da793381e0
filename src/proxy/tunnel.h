// After 101 Switching Protocols: bytes both ways, each direction at the pace of its receiver, half-close passed on,
// until both ends have finished, one breaks, or nothing moves for the route's stream_idle.
#pragma once

#include "proxy/request_context.h"

namespace tl::proxy {

[[nodiscard]] rt::Task<base::Result<void>> relay_tunnel(RequestContext& context, http::ClientExchange& upstream,
                                                        codec::ResponseHead& head);

}  // namespace tl::proxy
