#include "http/http2_tunnel.h"

#include <cerrno>

#include "http/http2_connection.h"

namespace tl::http {

net::IoResult Http2TunnelStream::try_read(std::span<char> into) {
    if (unread_.empty()) {
        const auto piece = stream_->take_piece();
        if (!piece) {
            io_.clear_readable();
            stream_->connection_->want_flush();  // the room that was given back
            return {net::IoStatus::again};
        }
        if (!piece->has_value()) return {net::IoStatus::failed, 0, ECONNRESET};
        unread_ = (*piece)->data;
        if (unread_.empty()) return {net::IoStatus::end};
    }
    const size_t size = std::min(into.size(), unread_.size());
    std::memcpy(into.data(), unread_.data(), size);
    unread_.remove_prefix(size);
    return {net::IoStatus::ok, size};
}

net::IoResult Http2TunnelStream::try_write(std::span<const iovec> parts) {
    if (stream_->closed() || finishing_) return {net::IoStatus::failed, 0, EPIPE};
    if (!stream_->all_taken()) {
        io_.clear_writable();
        return {net::IoStatus::again};
    }
    out_.clear();
    for (const iovec& part : parts) {
        const size_t size = std::min(part.iov_len, kMostQueued - out_.size());
        out_.append({static_cast<const char*>(part.iov_base), size});
    }
    const size_t size = out_.size();
    written_ += size;
    stream_->stage({out_.view(), false}, nullptr);
    stream_->connection_->want_flush();
    return {net::IoStatus::ok, size};
}

void Http2TunnelStream::shutdown_write() {
    if (finishing_ || stream_->closed()) return;
    finishing_ = true;
    stream_->end_after_staged();
    stream_->connection_->want_flush();
}

}  // namespace tl::http
