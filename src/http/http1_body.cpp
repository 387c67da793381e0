#include "http/http1_body.h"

#include <fmt/format.h>

namespace tl::http {

using codec::ChunkedDecoder;
using codec::Framing;

namespace {

// One read takes at most this much of a body: large enough to halve the calls of a bulk transfer, small
// enough that a core's buffers stay in its cache.
constexpr size_t kBulkRead = 64 * 1024;

base::Result<Piece> interrupted(rt::Wake wake) { return base::fail(rt::wake_error(wake, "reading a body")); }

}  // namespace

void Http1Body::start(Framing framing, uint64_t length, uint64_t most) {
    framing_ = framing;
    left_ = length;
    most_ = most;
    ended_ = framing == Framing::none || (framing == Framing::length && length == 0);
}

std::optional<uint64_t> Http1Body::left() const {
    if (ended_) return 0;
    if (framing_ == Framing::length && !stalled_) return left_;
    return std::nullopt;
}

void Http1Body::drop_used() {
    if (used_ == 0) return;
    source().consume(used_);
    used_ = 0;
}

base::Result<Piece> Http1Body::deliver(std::string_view data, bool end) {
    received_ += data.size();
    ended_ = end;
    if (received_ > most_) {
        return base::fail(base::Code::too_large, fmt::format("the body is larger than {} bytes", most_));
    }
    return Piece{data, end};
}

std::optional<base::Result<Piece>> Http1Body::from_chunks(base::Buffer& buffer) {
    std::string_view data;
    for (;;) {
        const ChunkedDecoder::Step step = chunks_.next(buffer.view().substr(used_));
        if (step.state == ChunkedDecoder::State::bad) {
            return base::fail(base::Code::invalid, std::string{codec::describe(step.fault)});
        }
        used_ += step.consumed;
        if (step.state == ChunkedDecoder::State::end) return deliver(data, true);
        if (step.state == ChunkedDecoder::State::need_more) break;
        data = step.data;
        // When just the end of the body follows, it goes out together with this data.
        const std::string_view rest = buffer.view().substr(used_);
        if (rest != "\r\n0\r\n\r\n" && rest != "0\r\n\r\n") break;
    }
    if (!data.empty()) return deliver(data, false);
    drop_used();
    return std::nullopt;
}

std::optional<base::Result<Piece>> Http1Body::from_buffer() {
    base::Buffer& buffer = source();
    if (framing_ == Framing::chunked) return from_chunks(buffer);
    if (buffer.empty()) return std::nullopt;
    std::string_view data = buffer.view();
    if (framing_ == Framing::length) {
        data = data.substr(0, left_);
        left_ -= data.size();
    }
    used_ = data.size();
    return deliver(data, framing_ == Framing::length && left_ == 0);
}

std::optional<base::Result<Piece>> Http1Body::try_read() {
    drop_used();
    if (ended_) return Piece{{}, true};
    return from_buffer();
}

rt::Task<base::Result<Piece>> Http1Body::read(rt::Wait wait, Patience patience) {
    for (;;) {
        if (auto piece = try_read()) co_return std::move(*piece);
        if (stream_ended_) {
            if (framing_ == Framing::until_close) co_return deliver({}, true);
            co_return base::fail(base::Code::closed, "the connection ended inside a body");
        }
        const size_t room = received_ > base::Buffer::kBlock ? kBulkRead : 1;
        const net::IoResult got = stream_->try_read(own_.writable(room));
        if (got.status == net::IoStatus::ok) {
            own_.commit(got.bytes);
        } else if (got.status == net::IoStatus::end) {
            stream_ended_ = true;
        } else if (got.status == net::IoStatus::failed) {
            co_return base::fail(stream_->io_error(got, "reading a body"));
        } else {
            if (own_.empty()) own_.release();
            const rt::Wait step = wait.until(pace_.until(patience, received_, rt::this_loop().now()));
            const rt::Wake wake = co_await stream_->readiness().wait_readable(step);
            pace_.waited(rt::this_loop().now());
            if (wake == rt::Wake::ready) continue;
            stalled_ = wake == rt::Wake::timeout;
            co_return interrupted(wake);
        }
    }
}

std::string_view Http1Body::surplus() {
    drop_used();
    return source().view();
}

void Http1Body::finish() {
    drop_used();
    if (early_->empty() && !own_.empty()) early_->swap(own_);
    own_.release();
}

std::optional<base::Result<void>> write_at_once(net::Stream& stream, std::span<iovec>& parts, uint64_t& taken) {
    while (!parts.empty()) {
        const net::IoResult result = stream.try_write(parts);
        if (result.status == net::IoStatus::failed) return base::fail(stream.io_error(result, "write"));
        if (result.status != net::IoStatus::ok) return std::nullopt;
        net::advance(parts, result.bytes);
        taken += result.bytes;
    }
    return base::Result<void>{};
}

rt::Task<base::Result<void>> write_steadily(net::Stream& stream, std::span<iovec> parts, rt::Wait wait,
                                            Patience patience) {
    Pace pace;
    uint64_t taken = 0;
    for (;;) {
        if (auto written = write_at_once(stream, parts, taken)) co_return std::move(*written);
        const rt::Wait step = wait.until(pace.until(patience, taken, rt::this_loop().now()));
        const rt::Wake wake = co_await stream.readiness().wait_writable(step);
        pace.waited(rt::this_loop().now());
        if (wake != rt::Wake::ready) co_return base::fail(rt::wake_error(wake, "writing"));
    }
}

}  // namespace tl::http
