// Faults on purpose: a share of a route's requests waits, or is refused, so that its callers can show what they do
// then. Marked in the record and by a cause of its own, so that nobody looks for the defect elsewhere.
#pragma once

#include "proxy/request_context.h"
#include "rt/task.h"
#include "rt/waiter.h"

namespace tl::proxy {

// Delays and refuses as the dice say. False: context.refusal is set and nothing is to be sent. `wait` is the request's
// own time, of which a delay is a part.
[[nodiscard]] rt::Task<bool> inject_fault(RequestContext& context, const FaultRule& rule, rt::Wait wait);

}  // namespace tl::proxy
