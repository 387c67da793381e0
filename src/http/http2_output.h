// What waits to be written on one HTTP/2 connection: frames that were made here, in a buffer, and stretches of bodies
// that stay where they are until the next write. One attempt at a vectored write takes all of it; what the kernel did
// not take is copied, so that no body is needed once write() has returned. Bounded by full(). One core.
#pragma once

#include <array>
#include <string_view>

#include "base/buffer.h"
#include "net/stream.h"

namespace tl::http {

class Http2Output {
  public:
    void append(std::string_view bytes);
    // `bytes` must hold until write() has returned.
    void append_in_place(std::string_view bytes);
    [[nodiscard]] bool empty() const { return size_ == 0; }
    // Write first: there is enough for one call.
    [[nodiscard]] bool full() const { return size_ >= kEnough || count_ + 2 > kMostParts; }
    // One attempt. `ok` when something went out; empty() tells whether all.
    [[nodiscard]] net::IoResult write(net::Stream& stream);
    void release() {
        own_.release();
        count_ = size_ = 0;
    }

  private:
    static constexpr size_t kEnough = 64 * 1024;
    static constexpr size_t kMostParts = 64;
    static constexpr size_t kCopied = 1024;  // below, copying costs less than another part of a vector

    struct Part {
        const char* in_place = nullptr;  // nullptr: the next `size` bytes of own_
        size_t size = 0;
    };
    void keep_behind(size_t written);

    base::Buffer own_;
    std::array<Part, kMostParts> parts_;
    size_t count_ = 0;
    size_t size_ = 0;
};

}  // namespace tl::http
