#include "codec/grpc_frames.h"

#include <algorithm>

namespace tl::codec {

namespace {

uint32_t length_in(std::string_view head) {
    uint32_t length = 0;
    for (const char c : head.substr(1, 4)) length = length << 8U | static_cast<uint8_t>(c);
    return length;
}

}  // namespace

GrpcFrames::Found GrpcFrames::judge(std::string_view head) const {
    if (head.front() == 1) return Found::compressed;
    if (head.front() != 0) return Found::bad_flag;
    return length_in(head) > most_ ? Found::too_large : Found::message;
}

GrpcFrames::Found GrpcFrames::next(std::string_view& message) {
    if (given_) begun_.clear();
    given_ = false;
    const auto take = [&](size_t upto) {
        const size_t more = std::min(rest_.size(), upto - std::min(upto, begun_.size()));
        begun_ += rest_.substr(0, more);
        rest_.remove_prefix(more);
        held_.set(begun_.capacity());
        return begun_.size() >= upto;
    };
    // What has come whole is not copied.
    if (begun_.empty() && rest_.size() >= kGrpcFrameHead) {
        const Found found = judge(rest_);
        if (found != Found::message) return found;
        const size_t size = kGrpcFrameHead + length_in(rest_);
        if (rest_.size() >= size) {
            message = rest_.substr(kGrpcFrameHead, size - kGrpcFrameHead);
            rest_.remove_prefix(size);
            return found;
        }
    }
    if (!take(kGrpcFrameHead)) return Found::nothing;
    const Found found = judge(begun_);
    if (found != Found::message) return found;
    if (!take(kGrpcFrameHead + length_in(begun_))) return Found::nothing;
    message = std::string_view{begun_}.substr(kGrpcFrameHead);
    given_ = true;
    return found;
}

}  // namespace tl::codec
