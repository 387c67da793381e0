// Who a request comes from, as a policy has found out: what later policies (who may, how much), headers for the service
// and records say about the caller. Immutable once made, so that a cache of verified credentials can share it.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "proxy/identity_fwd.h"

namespace tl::proxy {

struct Identity {
    std::string method;               // "api_key", "basic", "jwt", "oidc", "mtls", "signature", "external", "anonymous"
    std::string subject;              // whom it names; "" for anonymous
    std::string plan;                 // of an API key or a claim; "" for none
    std::vector<std::string> scopes;  // what it may do
    std::vector<std::string> roles;
    nlohmann::json claims = nlohmann::json::object();  // all that was said and verified
};

}  // namespace tl::proxy
