// One stream of an HTTP/2 connection, seen from either side: the body that arrives, the body that leaves, trailers, the
// end. The server's and the client's exchange are built on it. A body that arrives is kept until it is read, and only
// then may the peer send more; a body that leaves is taken from where it is. Owned by whoever runs the exchange; the
// connection only knows it, and outlives it. One core.
#pragma once

#include <nghttp2/nghttp2.h>

#include <memory>
#include <optional>

#include "base/buffer.h"
#include "codec/grpc.h"
#include "codec/http2_head.h"
#include "http/exchange.h"
#include "rt/event.h"
#include "rt/list.h"

namespace tl::http {

class Http2Connection;

// Trailers with their text; most messages have none.
struct Http2Trailers {
    base::Arena arena;
    codec::HeaderTable table;
    codec::Http2Section section{arena};
};

class Http2Stream : public rt::ListNode<Http2Stream> {
  public:
    explicit Http2Stream(Http2Connection& connection) : connection_(&connection) {}
    virtual ~Http2Stream();
    Http2Stream(const Http2Stream&) = delete;
    Http2Stream& operator=(const Http2Stream&) = delete;
    // From the caches of coroutine frames, which fit: one comes and goes with every request.
    static void* operator new(size_t bytes) { return rt::allocate_frame(bytes); }
    static void operator delete(void* memory, size_t bytes) { rt::free_frame(memory, bytes); }

    // ---- told by the connection while it parses; nothing here may write or run a task
    virtual void on_field(std::string_view name, std::string_view value) = 0;
    // A field section is complete. False: it is malformed, and the stream is to be reset.
    [[nodiscard]] virtual bool on_section_end(bool ended) = 0;
    void on_data(std::string_view data);
    void on_end();
    // The stream is no more; `code` 0 when both sides had finished. `lost`: together with its connection.
    virtual void on_close(uint32_t code, const base::Error* lost);

    // ---- nghttp2 asks for the body that leaves
    [[nodiscard]] ssize_t give(size_t most, uint32_t& flags);
    [[nodiscard]] std::optional<std::string_view> take(size_t size);

    [[nodiscard]] int32_t id() const { return id_; }
    [[nodiscard]] bool closed() const { return closed_; }
    // Tells the tunnel over this stream that bytes came, room came, or the end.
    rt::Readiness* watcher = nullptr;

  protected:
    friend class Http2Connection;
    friend class Http2TunnelStream;
    friend struct Http2Callbacks;

    // The body that arrives. `most` bytes in all; then Code::too_large.
    [[nodiscard]] std::optional<base::Result<Piece>> take_piece();
    [[nodiscard]] rt::Task<base::Result<Piece>> read_piece(rt::Wait wait, base::Duration idle);
    [[nodiscard]] const codec::HeaderTable& received_trailers() const;
    void collect_trailer(std::string_view name, std::string_view value, const codec::Http1Limits& limits);
    [[nodiscard]] bool complete_trailers() const;

    // The body that leaves: returns when all of it has been taken; each step forward gets `idle` anew.
    [[nodiscard]] rt::Task<base::Result<void>> put_piece(Piece piece, const codec::HeaderTable* trailers, rt::Wait wait,
                                                         base::Duration idle);
    void stage(Piece piece, const codec::HeaderTable* trailers);
    // Nothing comes behind what is staged.
    void end_after_staged();
    [[nodiscard]] bool all_taken() const { return taken_ == out_.data.size() && (!out_.end || out_ended_); }
    [[nodiscard]] nghttp2_data_provider body_source();
    void reset(uint32_t code);
    // What a broken stream means to the caller.
    [[nodiscard]] base::Error broken() const;

    Http2Connection* connection_;
    int32_t id_ = -1;
    uint64_t most_ = UINT64_MAX;
    std::optional<codec::GrpcMeter> meter_;  // set: `most_` is the bound of a message of gRPC
    uint64_t received_ = 0;
    bool in_ended_ = false;    // the peer has sent its last
    bool out_ended_ = false;   // our last frame has been made
    bool reset_sent_ = false;  // by us
    bool closed_ = false;
    bool refused_ = false;    // certainly not processed by the peer
    bool malformed_ = false;  // the peer broke a rule of HTTP
    uint32_t code_ = 0;       // closed_: of the reset
    std::unique_ptr<Http2Trailers> trailers_;
    std::optional<base::Error> lost_;
    rt::Signal arrived_;  // a head, data, the end, the close
    rt::Signal gone_out_;

  private:
    void give_back();

    base::Buffer arriving_;
    base::Buffer held_;  // the piece that was handed out
    size_t owed_ = 0;    // bytes of it that the peer may send anew once it is done with
    bool too_large_ = false;
    Piece out_;
    size_t taken_ = 0;
    bool deferred_ = false;  // nghttp2 waits for resume
    const codec::HeaderTable* out_trailers_ = nullptr;
};

}  // namespace tl::http
