#include "http/http2_output.h"

namespace tl::http {

void Http2Output::append(std::string_view bytes) {
    if (bytes.empty()) return;
    own_.append(bytes);
    size_ += bytes.size();
    if (count_ > 0 && parts_[count_ - 1].in_place == nullptr) {
        parts_[count_ - 1].size += bytes.size();
    } else {
        parts_[count_++] = {nullptr, bytes.size()};
    }
}

void Http2Output::append_in_place(std::string_view bytes) {
    if (bytes.size() <= kCopied) return append(bytes);
    parts_[count_++] = {bytes.data(), bytes.size()};
    size_ += bytes.size();
}

net::IoResult Http2Output::write(net::Stream& stream) {
    std::array<iovec, kMostParts> vector;
    size_t own = 0;
    for (size_t i = 0; i < count_; ++i) {
        const Part& part = parts_[i];
        const char* const at = part.in_place != nullptr ? part.in_place : own_.view().data() + own;
        if (part.in_place == nullptr) own += part.size;
        vector[i] = {const_cast<char*>(at), part.size};
    }
    std::span<iovec> left{vector.data(), count_};
    size_t written = 0;
    net::IoResult result{net::IoStatus::ok, 0};
    while (!left.empty()) {
        result = stream.try_write(left);
        if (result.status != net::IoStatus::ok) break;
        written += result.bytes;
        net::advance(left, result.bytes);
    }
    keep_behind(written);
    return written > 0 && result.status == net::IoStatus::again ? net::IoResult{net::IoStatus::ok, written} : result;
}

// Makes what is behind the first `written` bytes its own.
void Http2Output::keep_behind(size_t written) {
    if (written == size_) {
        own_.clear();
        count_ = size_ = 0;
        return;
    }
    base::Buffer kept;
    for (size_t i = 0; i < count_; ++i) {
        const Part part = parts_[i];
        const std::string_view bytes{part.in_place != nullptr ? part.in_place : own_.view().data(), part.size};
        const size_t skipped = written < part.size ? written : part.size;
        kept.append(bytes.substr(skipped));
        written -= skipped;
        if (part.in_place == nullptr) own_.consume(part.size);
    }
    own_ = std::move(kept);
    size_ = own_.size();
    count_ = 1;
    parts_[0] = {nullptr, size_};
}

}  // namespace tl::http
