// One try of a request at one instance: take a connection, send, stream both ways, give the connection back. Lives in
// forward's frame; the instance is held by the caller.
#pragma once

#include "proxy/engine.h"
#include "proxy/request_context.h"
#include "rt/gate.h"

namespace tl::proxy {

struct UpgradeTo {
    std::string_view protocol;  // "" for an ordinary request
    bool trailers = false;      // the client takes trailers (TE)
};

// The client's body as attempts see it: its first piece may be sent again as long as nothing behind it was read.
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

class Attempt {
  public:
    Attempt(Engine& engine, RequestContext& context, Upstream& upstream, Instance& instance, RequestBody& body)
        : engine_(&engine),
          context_(&context),
          upstream_(&upstream),
          instance_(&instance),
          body_(&body),
          stop_(&context.exchange.cancel()) {}

    // Ok: the answer was sent, or the tunnel has ended. Errors of side upstream leave the client unanswered unless
    // response_started(). `wait` bounds everything up to the head of the final answer; but where the client is still
    // sending, the service's time to answer begins when it has the whole request: a slow client is not its fault.
    [[nodiscard]] rt::Task<base::Result<void>> run(UpgradeTo upgrade, rt::Wait wait);

    [[nodiscard]] bool nothing_sent() const { return nothing_sent_; }
    [[nodiscard]] bool body_intact() const { return !body_->read_on; }

  private:
    [[nodiscard]] rt::Task<base::Result<void>> exchange_on(http::ClientExchange& upstream, UpgradeTo upgrade,
                                                           rt::Wait wait);
    [[nodiscard]] rt::Task<base::Result<codec::ResponseHead*>> final_head(http::ClientExchange& upstream,
                                                                          rt::Wait wait);
    [[nodiscard]] rt::Task<base::Result<void>> relay_response(http::ClientExchange& upstream,
                                                              codec::ResponseHead& head);
    [[nodiscard]] rt::Task<void> pump_request(http::ClientExchange& upstream);
    [[nodiscard]] rt::Task<void> pump_body(http::ClientExchange& upstream);

    Engine* engine_;
    RequestContext* context_;
    Upstream* upstream_;
    Instance* instance_;
    RequestBody* body_;
    rt::Cancel stop_;                          // ends the pump and the wait for the answer
    rt::Cancel answered_{&stop_};              // the head of the final answer is there
    bool pumping_ = false;                     // the body is longer than its first piece
    bool late_ = false;                        // the whole request was sent, and no answer came in time
    std::optional<base::Error> client_error_;  // the client's body broke off
    bool nothing_sent_ = true;
};

}  // namespace tl::proxy
