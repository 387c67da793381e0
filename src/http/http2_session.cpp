#include "http/http2_session.h"

#include "base/log.h"
#include "base/text.h"
#include "http/linger.h"

namespace tl::http {

namespace {

// Between the notice of a drain and the GOAWAY that binds: until the client has acknowledged, so long at most.
constexpr base::Duration kDrainNotice = 1s;
constexpr base::Duration kLastFlush = 1s;
constexpr std::array<uint8_t, 8> kDrainPing{'d', 'r', 'a', 'i', 'n', 'i', 'n', 'g'};

}  // namespace

Http2ServerSession::Http2ServerSession(Server& server, std::unique_ptr<net::Stream> stream, const net::Address& peer)
    : Http2Connection(Role::server, std::move(stream),
                      {server.limits_.http2, server.limits_.head, server.limits_.write_idle}, &server.hard_cancel_,
                      &server.notice_cancel_),
      server_(&server),
      peer_(peer),
      idle_since_(rt::this_loop().now()) {}

rt::Task<void> Http2ServerSession::run(base::Buffer early) {
    ++server_->stats_.http2.connections;
    stream_->readiness().on_hang_up(&stop_);
    submit_settings();
    gate_.spawn("http/2 writer", write_loop());
    co_await read_loop(std::move(early));
    // Whoever broke the protocol is told so before its requests end.
    flush();
    fresh_.clear();
    end_streams({.code = base::Code::closed, .context = "the connection ended"});
    stop_.request();
    co_await gate_.closed();
    stream_->readiness().on_hang_up(nullptr);
    co_await flush_rest({base::deadline_after(rt::this_loop().now(), kLastFlush), &server_->hard_cancel_});
    if (!failed_) co_await linger(*stream_, &server_->hard_cancel_);
}

void Http2ServerSession::submit_settings() {
    const std::array<nghttp2_settings_entry, 4> settings{{
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits_.streams},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits_.stream_window},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, head_limits_.head},
        {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1},
    }};
    nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
    nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0,
                                          static_cast<int32_t>(limits_.connection_window));
}

Http2Stream* Http2ServerSession::on_section_begin(const nghttp2_frame& frame) {
    if (frame.headers.cat != NGHTTP2_HCAT_REQUEST) return nullptr;
    section_by_ = rt::this_loop().now() + server_->limits_.head_deadline;
    // Requests that the client has given up may still be ending: they are not counted by nghttp2, but cost the same.
    if (alive_ >= 2 * size_t{limits_.streams}) {
        nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, frame.hd.stream_id, NGHTTP2_REFUSED_STREAM);
        return nullptr;
    }
    fresh_.push_back(std::make_unique<Http2ServerExchange>(*this, frame.hd.stream_id));
    return fresh_.back().get();
}

void Http2ServerSession::on_abuse(Http2Abuse kind) {
    ++server_->stats_.http2.abuses[static_cast<size_t>(kind)];
    const base::TimePoint now = rt::this_loop().now();
    if (now < server_->next_abuse_log_) return;
    server_->next_abuse_log_ = now + 1s;
    TL_LOG(warning, "http",
           "an HTTP/2 connection of {} was closed: {} ({}); further ones within a second are only counted",
           peer_.to_string(), describe(kind), to_string(kind));
}

// Starts what is complete. What the client has reset in the same breath never was.
void Http2ServerSession::on_parsed() {
    size_t kept = 0;
    for (auto& exchange : fresh_) {
        if (!exchange->complete() && !exchange->closed()) {
            std::swap(fresh_[kept++], exchange);
        } else if (!exchange->closed()) {
            served_ = true;
            gate_.spawn("request", serve(std::move(exchange)));
        }
    }
    fresh_.resize(kept);
}

rt::Task<void> Http2ServerSession::serve(std::unique_ptr<Http2ServerExchange> exchange) {
    const bool bad_head = exchange->fault_ != codec::Http1Fault::none;
    ++(bad_head ? server_->stats_.refused_heads : server_->stats_.requests);
    auto refused = exchange->refusal();
    if (refused) {
        co_await exchange->answer_refused(refused->status, std::move(refused->error));
    } else {
        co_await server_->handler_->handle(*exchange);
    }
    co_await exchange->finish();
}

// ---- the end

void Http2ServerSession::on_left() {
    want_flush();  // a reset, or room that was given back
    if (alive_ > 0) return;
    idle_since_ = rt::this_loop().now();
    if (phase_ != Phase::open) look_again();
}

base::Duration Http2ServerSession::patience() const {
    return served_ ? server_->limits_.keep_alive : server_->limits_.head_deadline;
}

void Http2ServerSession::begin_drain() {
    phase_ = Phase::noticed;
    drain_by_ = rt::this_loop().now() + kDrainNotice;
    nghttp2_submit_shutdown_notice(session_);
    flush();  // else nghttp2 lets the PING go first, and its answer would say nothing about the notice
    nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, kDrainPing.data());
    flush();
}

bool Http2ServerSession::look_up() {
    const base::TimePoint now = rt::this_loop().now();
    if (stop_.requested() || failed_) return false;
    if (in_section_ && now >= section_by_) {
        say_goodbye(NGHTTP2_PROTOCOL_ERROR);
        return false;
    }
    const bool idle = alive_ == 0 && now >= idle_since_ + patience();
    if (phase_ == Phase::open && (attention_.requested() || idle)) begin_drain();
    if (phase_ == Phase::noticed && (acknowledged_ || now >= drain_by_)) {
        phase_ = Phase::draining;
        nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(session_),
                              NGHTTP2_NO_ERROR, nullptr, 0);
        flush();
    }
    if (phase_ == Phase::draining && alive_ == 0) return false;
    return nghttp2_session_want_read(session_) != 0 || nghttp2_session_want_write(session_) != 0;
}

base::TimePoint Http2ServerSession::next_look() const {
    base::TimePoint next = base::deadline_after(alive_ == 0 ? idle_since_ : rt::this_loop().now(), patience());
    if (in_section_) next = std::min(next, section_by_);
    if (phase_ == Phase::noticed) next = std::min(next, drain_by_);
    return next;
}

}  // namespace tl::http
