// Who a request comes from, behind proxies: the right-most address of X-Forwarded-For or Forwarded that is not a
// trusted proxy's. What anybody else claims there changes nothing. Plain functions.
#pragma once

#include "proxy/request_context.h"

namespace tl::proxy {

// At the very start of a request, before anything is decided by the client's address: sets context.client and
// context.from_proxy.
void name_client(RequestContext& context);
// What the caller says of deadlines, tries and its own client is believed.
[[nodiscard]] bool trusts_caller(const RequestContext& context);
// The client speaks TLS, to us or to a trusted proxy in front.
[[nodiscard]] bool is_secure(const RequestContext& context);

}  // namespace tl::proxy
