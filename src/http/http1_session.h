// One HTTP/1 connection of a client: heads in, exchanges handed to the handler one after the other (so
// pipelined requests are answered in order), answers framed. Idle, it holds no buffer. Ends itself; Server's
// gate counts it.
#pragma once

#include <memory>

#include "base/buffer.h"
#include "http/http1_body.h"
#include "http/server.h"

namespace tl::http {

class Http1Session {
  public:
    // `early`: what was read already, to find out the version.
    Http1Session(Server& server, std::unique_ptr<net::Stream> stream, base::Buffer early);

    [[nodiscard]] rt::Task<void> run();

  private:
    friend class Http1ServerExchange;
    enum class Next : uint8_t { request, close, reset };
    enum class HeadRead : uint8_t { complete, closed, refused };

    [[nodiscard]] rt::Task<bool> wait_for_bytes();
    [[nodiscard]] rt::Task<Next> serve_one();

    Server* server_;
    std::unique_ptr<net::Stream> stream_;
    net::Address peer_;
    base::Buffer in_;
    base::Buffer out_;
    bool first_ = true;
    unsigned served_unpaused_ = 0;  // requests since the session last waited for its client
};

// One request on it; lives in serve_one's frame.
class Http1ServerExchange final : public ServerExchange {
  public:
    Http1ServerExchange(Http1Session& session, const ServerLimits& limits);
    ~Http1ServerExchange() override;
    Http1ServerExchange(const Http1ServerExchange&) = delete;
    Http1ServerExchange& operator=(const Http1ServerExchange&) = delete;

    codec::RequestHead& request() override { return head_; }
    const net::Address& peer() const override { return session_->peer_; }
    const net::TlsInfo* tls() const override { return session_->stream_->tls(); }
    BodyLength request_length() const override;
    std::optional<base::Result<Piece>> try_read() override { return body_.try_read(); }
    rt::Task<base::Result<Piece>> read(rt::Wait wait) override { return body_.read(wait, limits_.body_idle); }
    const codec::HeaderTable& trailers() const override { return body_.trailers(); }

    rt::Task<base::Result<void>> send_informational(const OutgoingResponse& response) override;
    rt::Task<base::Result<void>> send(const OutgoingResponse& response, Piece first) override;
    rt::Task<base::Result<void>> send_body(Piece piece, const codec::HeaderTable* trailers) override;
    Tunnel tunnel() override;
    bool response_started() const override { return started_; }
    void abort() override;
    rt::Cancel& cancel() override { return cancel_; }

  private:
    friend class Http1Session;
    enum class Frame : uint8_t { none, length, chunked, until_close };

    // The error to refuse the head with; its status beside it.
    struct Refused {
        uint16_t status;
        base::Error error;
    };
    [[nodiscard]] rt::Task<Http1Session::HeadRead> read_head();
    [[nodiscard]] std::optional<Refused> begin_body();
    [[nodiscard]] static Refused no_memory();
    [[nodiscard]] rt::Task<void> refuse(uint16_t status, base::Error error);
    [[nodiscard]] rt::Task<void> refuse_head(uint16_t status, base::Error error);
    [[nodiscard]] rt::Task<Http1Session::Next> finish();

    void write_head(const OutgoingResponse& response);
    [[nodiscard]] bool may_keep_alive(const OutgoingResponse& response) const;
    [[nodiscard]] rt::Task<base::Result<void>> write_out(Piece piece, const codec::HeaderTable* trailers);
    [[nodiscard]] static rt::Task<base::Result<void>> out_of_place();

    Http1Session* session_;
    ServerLimits limits_;
    codec::RequestHead head_;
    Http1Body body_;
    rt::Cancel cancel_;
    Frame frame_ = Frame::none;
    uint64_t to_send_ = 0;  // frame_ == length: bytes of the answer still owed
    bool started_ = false;
    bool ended_ = false;
    bool keep_ = true;
    bool aborted_ = false;
    bool switched_ = false;
    bool continued_ = false;
};

}  // namespace tl::http
