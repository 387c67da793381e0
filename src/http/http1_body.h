// A body of HTTP/1 as it arrives on a stream: by length, by chunks or until the end of the connection (RFC
// 9112 6). Reads first what came together with the head, then the stream, into a buffer of its own, so that
// the views of the head stay valid. Belongs to one exchange.
#pragma once

#include <optional>

#include "base/buffer.h"
#include "http/exchange.h"
#include "http/pace.h"

namespace tl::http {

class Http1Body {
  public:
    // `early` holds what followed the head and is only consumed, never read into.
    Http1Body(net::Stream& stream, base::Buffer& early, const codec::Http1Limits& limits)
        : stream_(&stream), early_(&early), chunks_(limits) {}

    // `most`: bytes of data allowed in all.
    void start(codec::Framing framing, uint64_t length, uint64_t most);
    [[nodiscard]] std::optional<base::Result<Piece>> try_read();
    [[nodiscard]] rt::Task<base::Result<Piece>> read(rt::Wait wait, Patience patience);
    [[nodiscard]] const codec::HeaderTable& trailers() const { return chunks_.trailers(); }

    [[nodiscard]] bool at_end() const { return ended_; }
    // Bytes still to come; nullopt when unknown, and when it stopped to come within its deadline.
    [[nodiscard]] std::optional<uint64_t> left() const;
    [[nodiscard]] uint64_t received() const { return received_; }
    // What was read beyond the end: the next message, or a tunnel's first bytes.
    [[nodiscard]] std::string_view surplus();
    // Leaves the surplus in `early` for the next message and gives the rest of the memory back.
    void finish();

  private:
    [[nodiscard]] base::Buffer& source() { return early_->empty() ? own_ : *early_; }
    void drop_used();
    [[nodiscard]] std::optional<base::Result<Piece>> from_buffer();
    [[nodiscard]] std::optional<base::Result<Piece>> from_chunks(base::Buffer& buffer);
    [[nodiscard]] base::Result<Piece> deliver(std::string_view data, bool end);

    net::Stream* stream_;
    base::Buffer* early_;
    base::Buffer own_;
    codec::ChunkedDecoder chunks_;
    codec::Framing framing_ = codec::Framing::none;
    uint64_t left_ = 0;
    uint64_t most_ = 0;
    uint64_t received_ = 0;
    size_t used_ = 0;  // bytes of the source that the last piece viewed; consumed by the next call
    Pace pace_;        // of the peer that sends it
    bool ended_ = true;
    bool stream_ended_ = false;
    bool stalled_ = false;
};

// What needs no waiting, and no frame: writes `parts`, drops what has gone and adds its bytes to `taken`. nullopt: the
// kernel takes no more now.
[[nodiscard]] std::optional<base::Result<void>> write_at_once(net::Stream& stream, std::span<iovec>& parts,
                                                              uint64_t& taken);
// Writes all of `parts`, as long as the peer takes them at the pace that `patience` wants.
[[nodiscard]] rt::Task<base::Result<void>> write_steadily(net::Stream& stream, std::span<iovec> parts, rt::Wait wait,
                                                          Patience patience);

}  // namespace tl::http
