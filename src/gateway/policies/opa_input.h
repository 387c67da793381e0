// What Open Policy Agent is told of a request. Nothing in it changes from one request to the next like it (no times, no
// trace ids), so that decisions can be found again by it. Plain function.
#pragma once

#include <string>
#include <vector>

#include "proxy/request_context.h"

namespace tl::gateway {

// {"input": ...} as text. `send`: names of headers that it is told.
[[nodiscard]] std::string make_opa_input(proxy::RequestContext& context, const std::vector<std::string>& send);

}  // namespace tl::gateway
