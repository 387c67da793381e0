// What a feature adds to a request's way. A filter overrides the phases that it needs. The chain of a route is built
// when the manifest is loaded: see the list in gateway/door.cpp. Filters are immutable and shared by cores; what
// belongs to one request lives in its RequestContext, what belongs to a core in the engine's core states
// (core_states.h).
//
// The phases, in their order: on_request (and wait_request, for what has to wait), on_body where the filter wants to
// see the whole body, then the service, on_response and body_transform in reverse order, on_done always. A filter whose
// on_request was called sees on_response also when another one has answered in the service's place.
#pragma once

#include <limits>
#include <memory>
#include <string>

#include "proxy/body_transform.h"
#include "proxy/cause.h"
#include "proxy/request_context.h"
#include "rt/task.h"

namespace tl::proxy {

class Filter {
  public:
    enum class Verdict : uint8_t {
        proceed,
        refuse,  // context.refusal is set
        reply,   // context.reply is set
        wait,    // of on_request only: the answer is wait_request's
    };

    virtual ~Filter() = default;
    [[nodiscard]] virtual std::string_view name() const = 0;
    // Before an instance is picked; may change the head. Does not wait.
    [[nodiscard]] virtual Verdict on_request(RequestContext& /*context*/) const { return Verdict::proceed; }
    // After on_request has said `wait`, for what must ask somebody else; every wait in it has a deadline and watches
    // the exchange's cancel. Never says `wait`.
    [[nodiscard]] virtual rt::Task<Verdict> wait_request(RequestContext& /*context*/) const {
        co_return Verdict::proceed;
    }
    // The request's body is gathered for on_body and on_answer when one of these is not 0: its bytes at most (413
    // beyond it). Asked once, when the route is made.
    [[nodiscard]] virtual size_t most_body() const { return 0; }
    // Bytes of a request's body that go on while it streams (413 beyond them). Asked once, when the route is made.
    [[nodiscard]] virtual uint64_t most_streamed() const { return std::numeric_limits<uint64_t>::max(); }
    // Behind all on_request, with the whole body, which may be changed; of requests that have one. Does not wait.
    [[nodiscard]] virtual Verdict on_body(RequestContext& /*context*/, std::string& /*body*/) const {
        return Verdict::proceed;
    }
    // Answers in the service's place, or says what the service is to be asked: the last filter of a route. `body` is
    // the gathered one. Says refuse or reply; or proceed to leave it to the service, which then gets what `body` holds.
    [[nodiscard]] virtual bool answers() const { return false; }
    [[nodiscard]] virtual rt::Task<Verdict> answer(RequestContext& /*context*/, std::string& /*body*/) const {
        co_return Verdict::proceed;
    }
    // When the head of the final answer is there, before it is sent; in reverse order.
    virtual void on_response(RequestContext& /*context*/, codec::ResponseHead& /*head*/) const {}
    // Whether body_transform may give one: routes without such filters pay nothing for it.
    [[nodiscard]] virtual bool transforms() const { return false; }
    // What this answer's body goes through on its way to the client; nullptr: it goes on as it is. `headers` may be
    // changed here. Not asked for answers without a body.
    [[nodiscard]] virtual std::unique_ptr<BodyTransform> body_transform(RequestContext& /*context*/,
                                                                        uint16_t /*status*/,
                                                                        codec::HeaderTable& /*headers*/) const {
        return nullptr;
    }
    // Always, when the request has ended, however it ended.
    virtual void on_done(const RequestContext& /*context*/) const {}
};

// The filters that have seen the request see the head of its answer, the last one first.
inline void run_on_response(RequestContext& context, codec::ResponseHead& head) {
    for (size_t i = context.filters_seen; i > 0; --i) context.route->filters[i - 1]->on_response(context, head);
}

}  // namespace tl::proxy
