// A stream of HTTP/2 as a byte stream, for what follows an extended CONNECT (RFC 8441): the tunnel of proxy/ then does
// not know over which version it runs. Lives in the exchange, whose stream it uses. No descriptor: fd() is -1.
#pragma once

#include "http/http2_stream.h"
#include "net/stream.h"

namespace tl::http {

class Http2TunnelStream final : public net::Stream {
  public:
    explicit Http2TunnelStream(Http2Stream& stream) : stream_(&stream) { stream.watcher = &io_; }
    ~Http2TunnelStream() override { stream_->watcher = nullptr; }
    Http2TunnelStream(const Http2TunnelStream&) = delete;
    Http2TunnelStream& operator=(const Http2TunnelStream&) = delete;

    net::IoResult try_read(std::span<char> into) override;
    // Takes at most kMostQueued bytes before the last ones have gone.
    net::IoResult try_write(std::span<const iovec> parts) override;
    void shutdown_write() override;
    void reset_on_close() override { stream_->reset(NGHTTP2_CONNECT_ERROR); }
    uint64_t written() const override { return written_; }
    bool acknowledged_beyond(uint64_t /*position*/) const override { return true; }
    rt::Readiness& readiness() override { return io_; }
    int fd() const override { return -1; }

  private:
    static constexpr size_t kMostQueued = 64 * 1024;

    Http2Stream* stream_;
    rt::Readiness io_;
    std::string_view unread_;
    base::Buffer out_;
    uint64_t written_ = 0;
    bool finishing_ = false;
};

}  // namespace tl::http
