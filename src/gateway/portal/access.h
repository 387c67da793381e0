// What the policies that hold for a route ask of a caller, in the words of OpenAPI and of the portal. Never a secret, a
// file, an address or who in particular is let in.
#pragma once

#include <string>

#include "gateway/openapi/merge.h"
#include "gateway/policies/policies.h"

namespace tl::gateway {

// `method` in upper case.
[[nodiscard]] MergeAccess access_of(const Policies& holding, const std::string& method);

}  // namespace tl::gateway
