// What a feature adds to a request's way. A filter overrides the phases that it needs and answers Continue or Reply;
// an Error is a Reply with a cause. The chain of a route is built when the manifest is loaded: see the list in
// gateway/door.cpp. Filters are immutable and shared by cores; what belongs to one request lives
// in its RequestContext. Filters here do not wait: one that must wait gets a phase of its own when the first one comes.
#pragma once

#include <string>

#include "proxy/cause.h"
#include "proxy/request_context.h"

namespace tl::proxy {

class Filter {
  public:
    enum class Verdict : uint8_t { proceed, refuse };

    virtual ~Filter() = default;
    [[nodiscard]] virtual std::string_view name() const = 0;
    // Before an instance is picked; may change the head. To refuse, set context.refusal and return Verdict::refuse.
    [[nodiscard]] virtual Verdict on_request(RequestContext& /*context*/) const { return Verdict::proceed; }
    // When the head of the final answer is there, before it is sent; in reverse order.
    virtual void on_response(RequestContext& /*context*/, codec::ResponseHead& /*head*/) const {}
    // Always, when the request has ended, however it ended.
    virtual void on_done(const RequestContext& /*context*/) const {}
};

}  // namespace tl::proxy
