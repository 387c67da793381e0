// The filter that answers a request with what several services say: makes the calls of a plan as soon as what they need
// is there, at the same time where nothing holds them, within one deadline, and composes the answer.
#pragma once

#include "gateway/join/plan.h"

namespace tl::gateway {

[[nodiscard]] FilterPtr make_join_filter(const JoinConfig& config, const PolicyContext& context, size_t most_body);

}  // namespace tl::gateway
