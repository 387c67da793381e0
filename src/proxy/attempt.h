// One try of a request at one instance: take a connection, send, stream both ways, give the connection back, and tell
// everybody who counts how it ended. Lives in the frame of forward or of a hedge.
#pragma once

#include "proxy/forwarding.h"
#include "proxy/race.h"
#include "rt/gate.h"

namespace tl::proxy {

class Attempt {
  public:
    // `race`: other tries run beside this one. May be nullptr.
    Attempt(Forwarding& all, Instance& instance, Race* race = nullptr)
        : all_(&all),
          context_(&all.context),
          instance_(&instance),
          race_(race),
          stop_(&all.context.exchange->cancel()) {}

    // Ok: the answer was sent, or the tunnel has ended. Errors of side upstream leave the client unanswered unless
    // response_started(); an answer that was dropped because Retry granted another try is one of them. The wait of all
    // tries bounds everything up to the head of the final answer; but where the client is still sending, the service's
    // time to answer begins when it has the whole request: a slow client is not its fault.
    [[nodiscard]] rt::Task<base::Result<void>> run();
    // Another has won.
    void give_up() { stop_.request(); }

  private:
    [[nodiscard]] rt::Task<base::Result<void>> exchange_on(http::ClientExchange& upstream, rt::Wait wait);
    [[nodiscard]] rt::Task<base::Result<codec::ResponseHead*>> final_head(http::ClientExchange& upstream,
                                                                          rt::Wait wait);
    [[nodiscard]] bool dropped(http::ClientExchange& upstream, const codec::ResponseHead& head);
    [[nodiscard]] Answer judge(http::ClientExchange& upstream, const codec::ResponseHead& head);
    [[nodiscard]] bool lost_race();
    [[nodiscard]] rt::Task<base::Result<void>> relay_response(http::ClientExchange& upstream,
                                                              codec::ResponseHead& head);
    [[nodiscard]] rt::Task<void> pump_request(http::ClientExchange& upstream);
    [[nodiscard]] rt::Task<void> pump_body(http::ClientExchange& upstream);

    [[nodiscard]] rt::Task<base::Result<void>> end_broken(base::Error broken);
    [[nodiscard]] rt::Wait silence();
    [[nodiscard]] bool client_moves(const base::Error& error) const;

    void begin();
    void answered(uint16_t status);
    void call_ended(const codec::ResponseHead& head, const codec::HeaderTable& trailers);
    void tell(Verdict verdict, bool breaker_fails);
    void end(const base::Result<void>& result);
    [[nodiscard]] Verdict verdict_on(const base::Error& error) const;

    Forwarding* all_;
    RequestContext* context_;
    Instance* instance_;
    Race* race_;
    rt::Cancel stop_;              // ends the pump and the wait for the answer
    rt::Cancel answered_{&stop_};  // the head of the final answer is there
    base::TimePoint began_;
    base::TimePoint moved_;  // when something of the request's body came last
    base::TimePoint asked_;  // when the instance had the whole request
    uint16_t status_ = 0;    // of the instance's answer, or what the end of a call counts as
    bool pumping_ = false;   // the body is longer than its first piece
    bool late_ = false;      // the whole request was sent, and no answer came in time
    bool nothing_sent_ = true;
    bool reused_ = false;                      // the connection had served another request
    bool dropped_ = false;                     // its answer
    bool told_ = false;                        // how it ended
    std::optional<base::Error> client_error_;  // the client's body broke off
    // Of a call: what came behind the head was looked at before the head goes on.
    std::optional<base::Result<http::Piece>> early_;
};

}  // namespace tl::proxy
