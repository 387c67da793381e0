// Finds the heads of frames in the bytes of a peer, before nghttp2 sees them: what it ignores must be counted too, and
// what a frame on a closed stream means must be asked while the stream's state is that of the frame. Plain arithmetic.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace tl::http {

struct Http2FrameHead {
    uint32_t length = 0;
    uint8_t type = 0;
    uint8_t flags = 0;
    int32_t stream = 0;
};

class Http2Scanner {
  public:
    // `skip`: bytes before the first frame, a client's preface.
    explicit Http2Scanner(uint64_t skip) : left_(skip) {}

    // Takes bytes from the front of `bytes` until a frame's head is complete (true), or they are used up. `before`: how
    // many of those taken stand before that head.
    [[nodiscard]] bool next(std::string_view bytes, size_t& taken, size_t& before, Http2FrameHead& head) {
        taken = static_cast<size_t>(left_ < bytes.size() ? left_ : bytes.size());
        left_ -= taken;
        before = taken;
        if (left_ > 0) return false;
        const size_t size = std::min(raw_.size() - have_, bytes.size() - taken);
        std::memcpy(raw_.data() + have_, bytes.data() + taken, size);
        have_ += size;
        taken += size;
        if (have_ < raw_.size()) return false;
        have_ = 0;
        head = {number(0, 3), raw_[3], raw_[4], static_cast<int32_t>(number(5, 4) & 0x7fffffffU)};
        left_ = head.length;
        return true;
    }

  private:
    [[nodiscard]] uint32_t number(size_t at, size_t size) const {
        uint32_t value = 0;
        for (size_t i = 0; i < size; ++i) value = value << 8 | raw_[at + i];
        return value;
    }

    std::array<uint8_t, 9> raw_{};
    size_t have_ = 0;
    uint64_t left_;
};

}  // namespace tl::http
