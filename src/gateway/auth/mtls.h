// The identity of a client certificate that the listener has verified (tls.client_auth): the first URI (of SPIFFE,
// say), else the first DNS name, else the subject.
#pragma once

#include "gateway/auth/method.h"

namespace tl::gateway {

[[nodiscard]] MethodPtr make_mtls_method();

// What the words about a certificate (net::TlsInfo::client) name; subject "" when they name nothing.
[[nodiscard]] proxy::IdentityPtr identity_of_certificate(std::string_view words);

}  // namespace tl::gateway
