// Tells services whose certificate a client has shown: X-Forwarded-Client-Cert, in the form that Envoy uses. What a
// client claims there itself is dropped, unless the gateway stands behind a proxy that is trusted and speaks for it.
#pragma once

#include "proxy/filter.h"

namespace tl::gateway {

class ClientCertificateFilter final : public proxy::Filter {
  public:
    std::string_view name() const override { return "client certificate"; }
    Verdict on_request(proxy::RequestContext& context) const override;
};

}  // namespace tl::gateway
