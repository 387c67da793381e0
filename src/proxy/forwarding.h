// What all tries of one request share. Lives in forward's frame.
#pragma once

#include "proxy/admission.h"
#include "proxy/choice.h"
#include "proxy/engine.h"
#include "proxy/retry.h"

namespace tl::proxy {

// The client's body as tries see it: its first piece may be sent again as long as nothing behind it was read.
struct RequestBody {
    explicit RequestBody(http::ServerExchange& from) : exchange(&from), length(from.request_length()) {
        if (length.kind == http::BodyLength::Kind::none) {
            first.end = true;
        } else if (auto piece = from.try_read()) {
            if (piece->has_value()) first = **piece;
        }
    }
    http::ServerExchange* exchange;
    http::BodyLength length;
    http::Piece first;
    bool read_on = false;  // pieces behind the first have been taken
};

struct Forwarding {
    Engine& engine;
    RequestContext& context;
    Upstream& upstream;
    rt::Wait wait;                // until the head of the final answer
    bool takes_trailers = false;  // the client (TE)
    std::string_view upgrade_to;  // the protocol; "" for an ordinary request
    Admission admission{context.refusal, context.route->traffic.importance, upstream};
    Retry retry{context, upstream, wait.deadline};
    // Both from the admission on.
    std::optional<RequestBody> body{};
    std::optional<Choice> choice{};
    Retry::Used used{};  // by the last try
};

}  // namespace tl::proxy
