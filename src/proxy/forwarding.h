// What all tries of one request share. Lives in forward's frame.
#pragma once

#include "proxy/admission.h"
#include "proxy/choice.h"
#include "proxy/engine.h"
#include "proxy/retry.h"

namespace tl::proxy {

// The client's body as tries see it: what was read of it may be sent again as long as nothing behind it was. That is
// its first piece; and where the request may be sent twice, further ones up to kMostKept, for clients that send the
// head, the message and the end one after the other.
struct RequestBody {
    static constexpr size_t kMostKept = 64 << 10;

    RequestBody(http::ServerExchange& from, bool may_be_sent_twice)
        : exchange(&from), length(from.request_length()), keeps(may_be_sent_twice) {
        if (length.kind == http::BodyLength::Kind::none) {
            first.end = true;
        } else if (auto piece = from.try_read()) {
            if (piece->has_value()) first = **piece;
        }
    }
    http::ServerExchange* exchange;
    http::BodyLength length;
    http::Piece first;
    bool read_on = false;  // pieces have been taken that cannot be given again

    // Before the next piece is read, which ends the last one's memory.
    void keep_first() {
        if (!keeps) read_on = true;
        if (read_on || first.data.data() == kept.data()) return;
        kept = first.data;
        first.data = kept;
    }
    void took(const http::Piece& piece) {
        const bool fits = keeps && kept.size() + piece.data.size() <= kMostKept;
        if (read_on || !fits || (piece.end && !exchange->trailers().empty())) {
            read_on = true;
            return;
        }
        kept += piece.data;
        first = {kept, piece.end};
    }

  private:
    bool keeps;
    std::string kept;
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
