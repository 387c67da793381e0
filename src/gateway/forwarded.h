// Tells services who the client was: Forwarded (RFC 7239) and the X-Forwarded-* fields. What clients claim themselves,
// X-Real-IP included, is dropped, unless the gateway stands behind a proxy that is trusted.
#pragma once

#include "proxy/filter.h"

namespace tl::gateway {

class ForwardedFilter final : public proxy::Filter {
  public:
    std::string_view name() const override { return "forwarded"; }
    Verdict on_request(proxy::RequestContext& context) const override;
};

}  // namespace tl::gateway
