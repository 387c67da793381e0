// From a chosen route to a finished answer: picks instances, makes attempts, retries what may be retried, streams both
// bodies with back-pressure, or opens a tunnel. When it could not answer, context.refusal says why and nothing was
// sent.
#pragma once

#include "proxy/engine.h"
#include "proxy/request_context.h"

namespace tl::proxy {

[[nodiscard]] rt::Task<void> forward(Engine& engine, RequestContext& context);

}  // namespace tl::proxy
