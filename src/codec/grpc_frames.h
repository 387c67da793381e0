// Messages of gRPC out of a stream of bytes that is cut anywhere (grpc/grpc, doc/PROTOCOL-HTTP2.md,
// Length-Prefixed-Message). Bounded by the caller; knows no compression, which nobody has asked for. One core.
#pragma once

#include <string>
#include <string_view>

#include "base/buffer.h"
#include "codec/grpc.h"

namespace tl::codec {

class GrpcFrames {
  public:
    enum class Found : uint8_t {
        message,
        nothing,     // more bytes have to come first
        compressed,  // the frame says so; nothing can be read from here on
        too_large,   // longer than `most`; the same
        bad_flag,    // neither 0 nor 1; the same
    };
    explicit GrpcFrames(size_t most) : most_(most) {}

    // `data` must hold until next() has said that there is nothing more.
    void feed(std::string_view data) { rest_ = data; }
    // The next message; a view that holds until the next call of feed or next.
    [[nodiscard]] Found next(std::string_view& message);
    // No part of a message waits for the others: the stream may end here.
    [[nodiscard]] bool complete() const { return begun_.empty() && rest_.empty(); }

  private:
    [[nodiscard]] Found judge(std::string_view head) const;

    size_t most_;
    std::string_view rest_;  // of what was fed last
    std::string begun_;      // a frame that has not come whole
    base::HeldBytes held_;
    bool given_ = false;  // begun_ is what was handed out
};

}  // namespace tl::codec
