// A client's HTTP/2 connection: each of its streams is an exchange of its own, handed to the handler as a task in the
// session's gate, so they run side by side. Ends on silence, on a drain (a notice, then GOAWAY with the last stream
// that is served; what is in flight finishes), on a stop, and when the client breaks the protocol or asks too much.
// One core; lives in the frame of the server's task.
#pragma once

#include <vector>

#include "http/http2_connection.h"
#include "http/http2_tunnel.h"
#include "http/server.h"

namespace tl::http {

class Http2ServerExchange;

class Http2ServerSession final : public Http2Connection {
  public:
    Http2ServerSession(Server& server, std::unique_ptr<net::Stream> stream);

    // `early`: what was read to find out the version.
    [[nodiscard]] rt::Task<void> run(base::Buffer early);

  private:
    friend class Http2ServerExchange;
    enum class Phase : uint8_t { open, noticed, draining };

    Http2Stream* on_section_begin(const nghttp2_frame& frame) override;
    void on_ping_ack() override { acknowledged_ = phase_ == Phase::noticed; }
    void on_abuse(Http2Abuse kind) override;
    void on_parsed() override;
    bool look_up() override;
    base::TimePoint next_look() const override;
    void on_left() override;

    void submit_settings();
    void begin_drain();
    [[nodiscard]] base::Duration patience() const;
    [[nodiscard]] rt::Task<void> serve(std::unique_ptr<Http2ServerExchange> exchange);

    Server* server_;
    net::Address peer_;
    rt::Gate gate_;
    std::vector<std::unique_ptr<Http2ServerExchange>> fresh_;  // their heads are not complete, or not yet looked at
    Phase phase_ = Phase::open;
    bool served_ = false;  // there was a request
    bool acknowledged_ = false;
    base::TimePoint idle_since_;
    base::TimePoint section_by_;  // when the fields at hand must be complete
    base::TimePoint drain_by_;
};

// One request; owned by the task that serves it.
class Http2ServerExchange final : public ServerExchange, public Http2Stream {
  public:
    Http2ServerExchange(Http2ServerSession& session, int32_t id);

    codec::RequestHead& request() override { return head_; }
    const net::Address& peer() const override { return session_->peer_; }
    const net::TlsInfo* tls() const override { return session_->stream_->tls(); }
    BodyLength request_length() const override;
    std::optional<base::Result<Piece>> try_read() override;
    rt::Task<base::Result<Piece>> read(rt::Wait wait) override;
    const codec::HeaderTable& trailers() const override { return received_trailers(); }

    rt::Task<base::Result<void>> send_informational(const OutgoingResponse& response) override;
    rt::Task<base::Result<void>> send(const OutgoingResponse& response, Piece first) override;
    rt::Task<base::Result<void>> send_body(Piece piece, const codec::HeaderTable* trailers) override;
    Tunnel tunnel() override;
    bool response_started() const override { return started_; }
    void abort() override;
    rt::Cancel& cancel() override { return cancel_; }

    // ---- told while parsing
    void on_field(std::string_view name, std::string_view value) override;
    bool on_section_end(bool ended) override;
    void on_close(uint32_t code, const base::Error* lost) override;

  private:
    friend class Http2ServerSession;
    enum class Frame : uint8_t { none, length, open };

    [[nodiscard]] bool complete() const { return complete_; }
    [[nodiscard]] rt::Task<void> answer_refused();
    [[nodiscard]] bool fits(const Piece& piece);
    void submit_head(const OutgoingResponse& response, bool ended);
    [[nodiscard]] rt::Task<base::Result<void>> write(Piece piece, const codec::HeaderTable* trailers);
    [[nodiscard]] rt::Task<void> finish();

    Http2ServerSession* session_;
    ServerLimits limits_;
    rt::Cancel cancel_;
    base::Arena arena_;
    codec::RequestHead head_;
    codec::Http2Section section_{arena_};
    codec::Http1Fault fault_ = codec::Http1Fault::none;
    std::optional<Http2TunnelStream> tunnel_;
    Frame frame_ = Frame::none;
    uint64_t to_send_ = 0;  // frame_ == length: bytes of the answer still owed
    bool complete_ = false;
    bool started_ = false;
    bool ended_ = false;
    bool aborted_ = false;
    bool switched_ = false;
    bool call_ = false;     // of gRPC: its client may be silent for long, and each message has a bound of its own
    bool own_key_ = false;  // Sec-WebSocket-Key is ours: the client has none in HTTP/2
};

}  // namespace tl::http
