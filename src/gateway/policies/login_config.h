// What a manifest says of logins, made into the method that does them.
#pragma once

#include <memory>

#include "gateway/auth/login.h"
#include "gateway/policies/auth.h"

namespace tl::gateway {

// Shares the issuer's endpoints and keys with all routes that name the same.
[[nodiscard]] std::shared_ptr<const Login> make_login(const AuthConfig& auth, const LoginConfig& config,
                                                      PolicyHome& home);

}  // namespace tl::gateway
