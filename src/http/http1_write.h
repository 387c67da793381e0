// One write for what an exchange has to send: the head that waits in a buffer, a stretch of the body in its framing,
// the end of the body with its trailers. Used by both sides of HTTP/1. The views hold until the buffer or the piece
// changes.
#pragma once

#include <array>
#include <span>

#include "base/buffer.h"
#include "http/exchange.h"

namespace tl::http {

class Http1Parts {
  public:
    // `out` holds the head, or nothing, and gets the framing. Large data is not copied: it goes out from where it is.
    Http1Parts(base::Buffer& out, bool chunked, const Piece& piece, const codec::HeaderTable* trailers);
    [[nodiscard]] std::span<iovec> parts() { return {parts_.data(), count_}; }

  private:
    void add(std::string_view bytes);

    std::array<iovec, 3> parts_{};
    size_t count_ = 0;
};

}  // namespace tl::http
