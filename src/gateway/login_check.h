// Whether the issuer's answers to a login come to a route that takes them. Pure.
#pragma once

#include "gateway/config.h"
#include "gateway/door.h"
#include "manifest/diagnostics.h"

namespace tl::gateway {

// Complains about each login whose callback no route takes that has the same login.
void check_login_pages(const GatewayConfig& config, const ServicePolicies& policies,
                       manifest::Diagnostics& diagnostics);

}  // namespace tl::gateway
