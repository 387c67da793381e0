// What one hop must take out of heads and put into them, whatever the features do: hop-by-hop fields (RFC 9110 7.6.1),
// trace context, request id. Plain functions.
#pragma once

#include "proxy/request_context.h"

namespace tl::proxy {

// Continues or begins the trace, and fills the record with what is known at the start.
void begin_trace(RequestContext& context, base::Random& random);
// Takes out what the client names in Connection, before anybody adds fields: what a policy says to the service cannot
// be named there and vanish.
void drop_connection_options(RequestContext& context);
// The peer said TE: trailers (RFC 9110 10.1.4).
[[nodiscard]] bool accepts_trailers(const codec::HeaderTable& headers);
// Makes the request's head one that may be sent on: hop-by-hop fields out; Host, traceparent and X-Request-Id in.
// `host`: see UpstreamRule. Returns the protocol to upgrade to, or "".
[[nodiscard]] std::string_view prepare_request(RequestContext& context, std::string_view host);
// The same for the answer's head.
void prepare_response(RequestContext& context, codec::ResponseHead& head);

}  // namespace tl::proxy
