#include "http/http2_stream.h"

#include <fmt/format.h>

#include "http/http2_connection.h"

namespace tl::http {

namespace {

ssize_t read_body(nghttp2_session* session, int32_t id, uint8_t* /*into*/, size_t most, uint32_t* flags,
                  nghttp2_data_source* /*source*/, void* /*user*/) {
    auto* stream = static_cast<Http2Stream*>(nghttp2_session_get_stream_user_data(session, id));
    if (stream == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    return stream->give(most, *flags);
}

}  // namespace

Http2Stream::~Http2Stream() {
    if (id_ >= 0) {
        nghttp2_session* const session = connection_->session();
        nghttp2_session_set_stream_user_data(session, id_, nullptr);
        const bool whole = in_ended_ && out_ended_;
        if (!closed_ && !reset_sent_ && !whole) {
            // A whole answer needs no more of its request; whoever asked and leaves early gives up.
            const bool answered = out_ended_ && nghttp2_session_check_server_session(session) != 0;
            const uint32_t code = answered ? NGHTTP2_NO_ERROR : NGHTTP2_CANCEL;
            nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id_, code);
        }
        owed_ += arriving_.size();
        give_back();
    }
    if (linked()) connection_->forget(*this);
}

// ---- arriving

void Http2Stream::on_data(std::string_view data) {
    received_ += data.size();
    if (meter_ ? !meter_->pass(data, most_) : received_ > most_) too_large_ = true;
    if (too_large_ || reset_sent_) {
        connection_->consume(id_, data.size());
    } else {
        arriving_.append(data);
    }
    arrived_.notify_all();
    if (watcher != nullptr) watcher->tell(EPOLLIN);
}

void Http2Stream::on_end() {
    in_ended_ = true;
    arrived_.notify_all();
    if (watcher != nullptr) watcher->tell(EPOLLIN);
}

void Http2Stream::on_close(uint32_t code, const base::Error* lost) {
    if (closed_) return;
    closed_ = true;
    code_ = code;
    if (code == NGHTTP2_REFUSED_STREAM) refused_ = true;
    if (lost != nullptr) lost_ = *lost;
    arrived_.notify_all();
    gone_out_.notify_all();
    if (watcher != nullptr) watcher->tell(EPOLLIN | EPOLLOUT);
}

base::Error Http2Stream::broken() const {
    if (lost_) return *lost_;
    if (malformed_) {
        return {.code = base::Code::invalid,
                .context = fmt::format("the message breaks a rule of HTTP/2 ({})", connection_->last_complaint())};
    }
    const char* const name = nghttp2_http2_strerror(code_);
    return {.code = base::Code::reset, .context = fmt::format("the stream was reset by {}", name)};
}

// The peer may send as much again as has been read.
void Http2Stream::give_back() {
    if (owed_ > 0) connection_->consume(id_, owed_);
    owed_ = 0;
}

std::optional<base::Result<Piece>> Http2Stream::take_piece() {
    give_back();
    held_.clear();
    if (too_large_) {
        const std::string_view what = meter_ ? "a message" : "the body";
        return base::fail(base::Code::too_large, fmt::format("{} is larger than {} bytes", what, most_));
    }
    if (!arriving_.empty()) {
        held_.swap(arriving_);
        owed_ = held_.size();
        return Piece{held_.view(), in_ended_};
    }
    if (in_ended_) {
        held_.release();
        return Piece{{}, true};
    }
    if (closed_) return base::fail(broken());
    return std::nullopt;
}

rt::Task<base::Result<Piece>> Http2Stream::read_piece(rt::Wait wait, base::Duration idle) {
    for (;;) {
        if (auto piece = take_piece()) co_return std::move(*piece);
        held_.release();
        arriving_.release();
        connection_->want_flush();  // the room that was given back
        const rt::Wait step = wait.until(base::deadline_after(rt::this_loop().now(), idle));
        const rt::Wake wake = co_await arrived_.wait(step);
        if (wake != rt::Wake::ready) co_return base::fail(rt::wake_error(wake, "reading a body"));
    }
}

const codec::HeaderTable& Http2Stream::received_trailers() const {
    static const codec::HeaderTable kNone;
    if (trailers_ == nullptr) return kNone;
    return trailers_->table;
}

void Http2Stream::collect_trailer(std::string_view name, std::string_view value, const codec::Http1Limits& limits) {
    if (trailers_ == nullptr) trailers_ = std::make_unique<Http2Trailers>();
    codec::Http1Limits own = limits;
    own.head = limits.trailers;
    trailers_->section.add(name, value, own, trailers_->table);
}

bool Http2Stream::complete_trailers() const {
    return trailers_ == nullptr ||
           codec::check_trailers(trailers_->section, trailers_->table) == codec::Http1Fault::none;
}

// ---- leaving

nghttp2_data_provider Http2Stream::body_source() { return {.source = {.ptr = this}, .read_callback = read_body}; }

ssize_t Http2Stream::give(size_t most, uint32_t& flags) {
    const size_t left = out_.data.size() - taken_;
    if (left == 0 && !out_.end) {
        deferred_ = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    const size_t size = left < most ? left : most;
    if (size < left || !out_.end) return static_cast<ssize_t>(size);
    flags |= NGHTTP2_DATA_FLAG_EOF;
    if (out_trailers_ != nullptr && !out_trailers_->empty()) {
        flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
        connection_->submit_trailers(id_, *out_trailers_);
        // A frame of nothing that does not end the stream is not sent, so take() will not hear of it.
        if (out_.data.empty()) {
            out_ended_ = true;
            gone_out_.notify_all();
        }
    }
    return static_cast<ssize_t>(size);
}

std::optional<std::string_view> Http2Stream::take(size_t size) {
    if (size > out_.data.size() - taken_) return std::nullopt;  // the sender has given up meanwhile
    const std::string_view data = out_.data.substr(taken_, size);
    taken_ += size;
    if (taken_ == out_.data.size()) {
        if (out_.end) out_ended_ = true;
        gone_out_.notify_all();
        if (watcher != nullptr) watcher->tell(EPOLLOUT);
    }
    return data;
}

void Http2Stream::stage(Piece piece, const codec::HeaderTable* trailers) {
    out_ = piece;
    taken_ = 0;
    out_trailers_ = trailers;
    if (!deferred_) return;
    deferred_ = false;
    nghttp2_session_resume_data(connection_->session(), id_);
}

void Http2Stream::end_after_staged() {
    out_.end = true;
    if (!deferred_) return;
    deferred_ = false;
    nghttp2_session_resume_data(connection_->session(), id_);
}

rt::Task<base::Result<void>> Http2Stream::put_piece(Piece piece, const codec::HeaderTable* trailers, rt::Wait wait,
                                                    base::Duration idle) {
    if (closed_ || reset_sent_) co_return base::fail(broken());
    stage(piece, trailers);
    connection_->want_flush();
    while (!all_taken()) {
        if (closed_) co_return base::fail(broken());
        const size_t before = taken_;
        const rt::Wait step = wait.until(base::deadline_after(rt::this_loop().now(), idle));
        const rt::Wake wake = co_await gone_out_.wait(step);
        const bool moved = wake == rt::Wake::timeout && taken_ != before && rt::this_loop().now() < wait.deadline;
        if (wake == rt::Wake::ready || moved) continue;
        out_ = {};  // nobody holds it any more
        taken_ = 0;
        co_return base::fail(rt::wake_error(wake, "writing"));
    }
    out_ = {};
    taken_ = 0;
    co_return base::Result<void>{};
}

void Http2Stream::reset(uint32_t code) {
    if (id_ < 0 || closed_ || reset_sent_) return;
    reset_sent_ = true;
    nghttp2_submit_rst_stream(connection_->session(), NGHTTP2_FLAG_NONE, id_, code);
    connection_->want_flush();
}

}  // namespace tl::http
