// What both ends of an HTTP/2 connection share: nghttp2 does the framing (RFC 9113) and HPACK, this feeds it from the
// stream, writes what it makes with one vectored write a turn, keeps count of what the peer asks for (http2_budget.h),
// and ends. The server's session and the client's connection add what they do with streams. One core; lives in the
// frame of the task that runs it, and outlives all its streams.
#pragma once

#include <nghttp2/nghttp2.h>

#include <memory>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "http/http2_budget.h"
#include "http/http2_output.h"
#include "http/http2_scanner.h"
#include "http/http2_stream.h"
#include "rt/gate.h"

namespace tl::http {

class Http2Connection {
  public:
    Http2Connection(const Http2Connection&) = delete;
    Http2Connection& operator=(const Http2Connection&) = delete;

    // ---- for streams
    [[nodiscard]] nghttp2_session* session() { return session_; }
    [[nodiscard]] net::Stream& stream() { return *stream_; }
    void consume(int32_t id, size_t bytes) { nghttp2_session_consume(session_, id, bytes); }
    void submit_trailers(int32_t id, const codec::HeaderTable& trailers);
    // There is something to write: at once where one stream is alone, else at the end of the turn, so that
    // what several streams have to say goes out together.
    void want_flush();
    void enlist(Http2Stream& stream) {
        streams_.push_back(stream);
        ++alive_;
    }
    void forget(Http2Stream& stream) {
        stream.unlink();
        --alive_;
        on_left();
    }
    // The last thing that nghttp2 found wrong with what the peer sent.
    [[nodiscard]] const std::string& last_complaint() const { return complaint_; }

  protected:
    enum class Role : uint8_t { server, client };
    struct Rules {
        const Http2Limits& http2;
        const codec::Http1Limits& head;
        base::Duration write_idle;
    };
    Http2Connection(Role role, std::unique_ptr<net::Stream> stream, const Rules& rules, rt::Cancel* stop,
                    rt::Cancel* attention);
    virtual ~Http2Connection();

    // ---- what the two ends do differently; told while parsing
    // A field section begins: the stream that takes it, nullptr to refuse it.
    [[nodiscard]] virtual Http2Stream* on_section_begin(const nghttp2_frame& frame) = 0;
    virtual void on_goaway(const nghttp2_goaway& /*frame*/) {}
    virtual void on_settings() {}
    virtual void on_ping_ack() {}
    virtual void on_abuse(Http2Abuse /*kind*/) {}
    // After each stretch of bytes, when tasks may run again.
    virtual void on_parsed() {}
    // Before the read loop waits: what is due now, false to end; and when to look again though nothing comes.
    [[nodiscard]] virtual bool look_up() = 0;
    [[nodiscard]] virtual base::TimePoint next_look() const = 0;
    // A stream has gone, perhaps the last.
    virtual void on_left() {}
    // Asked once, with the first bytes: false when they are something else than HTTP/2.
    [[nodiscard]] virtual bool understands(std::string_view /*bytes*/) { return true; }

    // Reads, parses and answers until one side wants no more. `early` was read already.
    [[nodiscard]] rt::Task<void> read_loop(base::Buffer early);
    // Beside it: writes what several streams have to say, and what the kernel did not take at once.
    [[nodiscard]] rt::Task<void> write_loop();
    // After the read loop: what is left goes out, as far as the peer takes it.
    [[nodiscard]] rt::Task<void> flush_rest(rt::Wait wait);
    void flush();
    void look_again() { stream_->readiness().tell(EPOLLIN); }
    // The connection is broken: all streams end with `error`.
    void fail(const base::Error& error);
    void end_streams(const base::Error& error);
    // GOAWAY by hand, for when nghttp2 has given up on the peer's bytes.
    void say_goodbye(uint32_t code);

    std::unique_ptr<net::Stream> stream_;
    Http2Limits limits_;
    codec::Http1Limits head_limits_;
    base::Duration write_idle_;
    bool server_;
    nghttp2_session* session_ = nullptr;
    rt::Cancel stop_;       // everything of this connection ends
    rt::Cancel attention_;  // somebody else wants the read loop to look up
    rt::List<Http2Stream> streams_;
    size_t alive_ = 0;
    base::TimePoint last_read_;
    bool failed_ = false;
    bool in_section_ = false;  // a field section has begun and not ended

  private:
    friend struct Http2Callbacks;
    enum class Flushed : uint8_t { all, blocked, failed };
    [[nodiscard]] Flushed try_flush();
    [[nodiscard]] bool gather();
    [[nodiscard]] bool process(std::string_view bytes);
    [[nodiscard]] rt::Task<void> wait_until_read();
    [[nodiscard]] bool spend(Http2Abuse kind);
    void abuse(Http2Abuse kind);
    [[nodiscard]] bool feed(std::string_view bytes);
    // What a frame costs and whether it may come now; before it is parsed.
    void judge(const Http2FrameHead& head);
    void check_stream(const Http2FrameHead& head);
    void remember_reset(int32_t id);

    base::Buffer in_;
    Http2Output out_;
    Http2Scanner scanner_;
    Http2Spending spending_;
    std::string complaint_;
    uint32_t continuations_ = 0;
    int32_t newest_ = 0;                // the highest stream that the peer has opened
    std::vector<int32_t> reset_by_us_;  // the last ones, as many as may be open at a time
    size_t next_reset_ = 0;
    bool heard_ = false;  // bytes of the peer
    bool abused_ = false;
    bool lost_ = false;  // nghttp2 can make nothing of what came
    bool parsing_ = false;
    bool blocked_ = false;  // the kernel takes no more: write_loop waits
    bool wanted_ = false;   // write_loop has something to do
    rt::Signal flush_signal_;
    rt::Signal unblocked_;
};

}  // namespace tl::http
