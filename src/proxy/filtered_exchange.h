// The client's exchange as a route's body filters leave it: the request's body gathered and changed before it goes on,
// the answer's body sent through transforms. Everybody behind it (forward, attempts, problems) sees a ServerExchange
// like any other. Made by the pipeline for routes with such filters only; lives in its frame, in front of the client's
// end.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "http/exchange.h"
#include "proxy/filter.h"

namespace tl::proxy {

class FilteredExchange final : public http::ServerExchange {
  public:
    // `context.exchange` is the client's end before this call and this object afterwards.
    explicit FilteredExchange(RequestContext& context);

    // Gathers the request's body, `most` bytes of it, and shows it to the filters; refuse or reply as a filter says, or
    // because it could not be gathered: the buffers of this thread have `budget` bytes, 0 for any number.
    [[nodiscard]] rt::Task<Filter::Verdict> gather(size_t most, uint64_t budget);
    [[nodiscard]] std::string& body() { return body_; }
    // What body() holds goes on in the place of the client's, which has been gathered or has none.
    void give_body() { gathered_ = true; }
    // Why the answer could not be sent although the client is there; nullptr if that did not happen.
    [[nodiscard]] const Denial* failure() const { return failure_ ? &*failure_ : nullptr; }

    std::optional<base::Result<http::Piece>> try_read() override;
    rt::Task<base::Result<http::Piece>> read(rt::Wait wait) override;
    const codec::HeaderTable& trailers() const override { return client_->trailers(); }
    codec::RequestHead& request() override { return client_->request(); }
    const net::Address& peer() const override { return client_->peer(); }
    const net::TlsInfo* tls() const override { return client_->tls(); }
    http::BodyLength request_length() const override;
    rt::Task<base::Result<void>> send_informational(const http::OutgoingResponse& response) override;
    rt::Task<base::Result<void>> send(const http::OutgoingResponse& response, http::Piece first) override;
    rt::Task<base::Result<void>> send_body(http::Piece piece, const codec::HeaderTable* trailers) override;
    http::Tunnel tunnel() override { return client_->tunnel(); }
    bool response_started() const override { return client_->response_started(); }
    void abort() override;
    rt::Cancel& cancel() override { return client_->cancel(); }

  private:
    [[nodiscard]] base::Result<http::Piece> counted(base::Result<http::Piece> piece);
    void choose_transforms(const http::OutgoingResponse& response);
    [[nodiscard]] base::Result<void> run_transforms(std::string_view data, bool end);
    [[nodiscard]] bool take_trailers(const codec::HeaderTable* trailers);
    [[nodiscard]] rt::Task<void> end_failed(const base::Error& why);
    [[nodiscard]] rt::Task<base::Result<void>> send_on(bool end, const codec::HeaderTable* trailers);
    void forget_answer();

    RequestContext* context_;
    http::ServerExchange* client_;
    [[nodiscard]] bool refuse_for_memory(uint64_t budget);

    std::string body_;
    base::HeldBytes held_body_;
    bool gathered_ = false;
    uint64_t streamed_ = 0;  // of the request's body

    // Of the answer. `chain_` in the order in which its body passes.
    std::vector<std::unique_ptr<BodyTransform>> chain_;
    codec::HeaderTable headers_;
    std::string reason_;
    uint16_t status_ = 0;
    bool held_ = false;  // the head has not been sent yet
    std::string out_;    // that is to be sent next
    std::optional<Denial> failure_;
    Cause why_failed_ = Cause::bad_upstream_answer;  // by the word of the transform that failed
};

}  // namespace tl::proxy
