// One request on a shared connection to an upstream, which is at the same time the pool's lease of it. Owned by the
// attempt; ends its stream when it dies.
#pragma once

#include <deque>

#include "http/http2_client.h"

namespace tl::http {

class Http2ClientExchange final : public ClientConnection, public ClientExchange, public Http2Stream {
  public:
    explicit Http2ClientExchange(Http2Client& client);
    static void* operator new(size_t bytes) { return rt::allocate_frame(bytes); }
    static void operator delete(void* memory, size_t bytes) { rt::free_frame(memory, bytes); }

    ClientExchange& open_exchange() override { return *this; }
    bool close_exchange() override { return in_ended_ && out_ended_; }
    bool alive() override { return !closed_; }
    net::Stream& stream() override { return client_->stream(); }

    rt::Task<base::Result<void>> send(const OutgoingRequest& request, Piece first, rt::Wait wait) override;
    rt::Task<base::Result<void>> send_body(Piece piece, const codec::HeaderTable* trailers, rt::Wait wait) override;
    rt::Task<base::Result<codec::ResponseHead*>> read_head(rt::Wait wait) override;
    BodyLength response_length() const override;
    std::optional<base::Result<Piece>> try_read() override;
    rt::Task<base::Result<Piece>> read(rt::Wait wait) override;
    const codec::HeaderTable& trailers() const override { return received_trailers(); }
    Tunnel tunnel() override;
    bool request_may_have_arrived() const override;
    bool response_seen() const override { return seen_; }

    // ---- told while parsing
    void on_field(std::string_view name, std::string_view value) override;
    bool on_section_end(bool ended) override;

  private:
    struct ReceivedHead {
        base::Arena arena;
        codec::Http2Section section{arena};
        codec::ResponseHead head;
    };
    [[nodiscard]] rt::Task<base::Result<void>> connect_protocol(rt::Wait wait);
    void submit_head(const OutgoingRequest& request, bool ended);
    [[nodiscard]] bool fits(const Piece& piece);
    void become_upgraded(ReceivedHead& received) const;

    Http2Client* client_;
    codec::Method method_ = codec::Method::get;
    std::unique_ptr<ReceivedHead> arriving_head_;
    std::deque<std::unique_ptr<ReceivedHead>> heads_;  // at most 1xx of one answer and its final head
    std::unique_ptr<ReceivedHead> head_;
    std::string upgrade_;
    std::string websocket_key_;
    std::optional<Http2TunnelStream> tunnel_;
    uint64_t began_at_ = 0;  // bytes written to the connection before this request
    uint64_t to_send_ = 0;
    bool length_known_ = false;
    int informational_ = 0;
    bool seen_ = false;
    bool final_ = false;
};

}  // namespace tl::http
