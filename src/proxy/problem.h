// The one place where a cause becomes an answer: problem details (RFC 9457) with the cause's code and the trace id, so
// that `trunkline why` can be asked about it; to a call of gRPC a status instead (grpc_call.h).
#pragma once

#include "proxy/request_context.h"

namespace tl::proxy {

// Sends the answer for context.refusal. Nothing must have been sent yet.
[[nodiscard]] rt::Task<base::Result<void>> send_problem(RequestContext& context);

// The refusal for a request that no route takes; in development it lists the routes and why each lost.
[[nodiscard]] Denial explain_no_route(const RequestContext& context);

// The answer of context.reply; recorded as one of our own.
[[nodiscard]] rt::Task<base::Result<void>> send_reply(RequestContext& context);

}  // namespace tl::proxy
