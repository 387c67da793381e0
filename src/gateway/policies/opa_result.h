// What Open Policy Agent answers to a query of its data API, as a decision: `result` is true, false or an object with
// allow, status, headers and reason. Whatever is not a clear yes is a no. Pure; any thread.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/policies/decision.h"

namespace tl::gateway {

// Of the headers only those that `take` (it is allowed) or `answer` (it is not) names. The error: this is no answer of
// that API.
[[nodiscard]] std::expected<Decision, std::string> parse_opa_result(std::string_view body,
                                                                    const std::vector<std::string>& take,
                                                                    const std::vector<std::string>& answer);

}  // namespace tl::gateway
