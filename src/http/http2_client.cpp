#include "http/http2_client.h"

#include <fmt/format.h>

#include "http/http2_client_exchange.h"

namespace tl::http {

namespace {

// One connection to an upstream carries at most so many requests, however many more the peer would take.
constexpr uint32_t kMostStreams = 100;
// An answer that is waited for so long in silence is a reason to ask whether the peer is there at all. Asked once a
// silence: servers of gRPC take repeated pings for an attack.
constexpr base::Duration kPingAfter = 10s;
constexpr base::Duration kPingWait = 5s;
constexpr base::Duration kLastFlush = 1s;
constexpr std::array<uint8_t, 8> kPing{'a', 'r', 'e', ' ', 'y', 'o', 'u', '?'};

}  // namespace

Http2Client::Http2Client(std::unique_ptr<net::Stream> stream, const Options& options, Owner* owner)
    : Http2Connection(Role::client, std::move(stream),
                      {options.limits.http2, options.limits.head, options.limits.write_idle}, nullptr, nullptr),
      client_limits_(options.limits),
      idle_for_(options.idle_for),
      scheme_(options.scheme),
      owner_(owner),
      idle_since_(rt::this_loop().now()) {
    submit_settings();
}

Http2Client& Http2Client::start(rt::Gate& gate, std::unique_ptr<net::Stream> stream, const Options& options,
                                Owner* owner) {
    std::unique_ptr<Http2Client> made{new Http2Client{std::move(stream), options, owner}};
    Http2Client& client = *made;
    gate.spawn("http/2 connection to a service", run_to_end(std::move(made)));
    return client;
}

rt::Task<void> Http2Client::run_to_end(std::unique_ptr<Http2Client> client) { co_await client->run(); }

rt::Task<void> Http2Client::run() {
    co_await rt::yield();  // whoever started it names it first
    gate_.spawn("http/2 writer", write_loop());
    flush();
    co_await read_loop({});
    take_no_more();
    if (!failed_) {
        flush();
        end_streams({.code = base::Code::invalid, .context = "the service broke HTTP/2: " + last_complaint()});
    }
    stop_.request();
    changed_.notify_all();  // whoever waits for settings
    while (alive_ > 0) [[maybe_unused]]
        const rt::Wake wake = co_await changed_.wait();
    co_await gate_.closed();
    co_await flush_rest(rt::this_loop().within(kLastFlush));
    stream_->shutdown_write();
}

// One slow reader behind this connection must not stop its neighbours: so the window of the connection is never the
// narrow one, and the windows of the streams bound the memory.
void Http2Client::submit_settings() {
    const std::array<nghttp2_settings_entry, 3> settings{{
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits_.stream_window},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, head_limits_.head},
    }};
    nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
    const uint64_t window = uint64_t{kMostStreams} * limits_.stream_window;
    nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0,
                                          static_cast<int32_t>(std::min<uint64_t>(window, INT32_MAX)));
}

bool Http2Client::has_room() const {
    if (closing_ || failed_ || stop_.requested()) return false;
    const uint32_t theirs = nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
    return alive_ < std::min(kMostStreams, theirs) && nghttp2_session_check_request_allowed(session_) != 0;
}

std::unique_ptr<ClientConnection> Http2Client::lend() { return std::make_unique<Http2ClientExchange>(*this); }

void Http2Client::let_go() {
    owner_ = nullptr;
    closing_ = true;
    look_again();
}

void Http2Client::take_no_more() {
    closing_ = true;
    if (Owner* const owner = std::exchange(owner_, nullptr)) owner->on_gone(*this);
}

void Http2Client::on_goaway(const nghttp2_goaway& /*frame*/) { closing_ = true; }

void Http2Client::on_settings() {
    settings_seen_ = true;
    changed_.notify_all();
}

void Http2Client::on_parsed() {
    // Whatever comes is a sign of life; only more than the answer to a ping allows the next one.
    const bool was_asked = ping_ == Ping::sent || std::exchange(acknowledged_, false);
    ping_ = was_asked ? Ping::answered : Ping::none;
    if (closing_ && owner_ != nullptr) take_no_more();
    if (owner_ != nullptr) owner_->on_room(*this);  // the peer may take more streams than before
}

bool Http2Client::understands(std::string_view bytes) {
    if (!bytes.starts_with("HTTP/1")) return true;
    fail({.code = base::Code::invalid,
          .context =
              "it answered in HTTP/1, but was asked in HTTP/2: does \"protocol: http2\" belong to this service?"});
    return false;
}

bool Http2Client::look_up() {
    const base::TimePoint now = rt::this_loop().now();
    if (failed_ || stop_.requested()) return false;
    const bool idle = alive_ == 0 && (closing_ || now >= idle_since_ + idle_for_);
    if (idle) {
        nghttp2_session_terminate_session(session_, NGHTTP2_NO_ERROR);
        flush();
        return false;
    }
    if (alive_ > 0 && ping_ == Ping::none && now >= last_read_ + kPingAfter) {
        ping_ = Ping::sent;
        ping_by_ = now + kPingWait;
        nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, kPing.data());
        flush();
    }
    if (ping_ == Ping::sent && now >= ping_by_) {
        fail({.code = base::Code::timeout, .context = "the connection is dead: no answer to a ping"});
        return false;
    }
    return nghttp2_session_want_read(session_) != 0 || nghttp2_session_want_write(session_) != 0;
}

base::TimePoint Http2Client::next_look() const {
    if (alive_ == 0) return idle_since_ + idle_for_;
    if (ping_ == Ping::sent) return ping_by_;
    const base::TimePoint now = rt::this_loop().now();
    return ping_ == Ping::none ? std::max(last_read_ + kPingAfter, now) : now + kPingAfter;
}

void Http2Client::on_left() {
    want_flush();  // a reset, or room that was given back
    if (owner_ != nullptr) owner_->on_room(*this);
    if (alive_ > 0) return;
    idle_since_ = rt::this_loop().now();
    changed_.notify_all();
    if (closing_ || idle_for_ == base::Duration::zero()) look_again();
}

}  // namespace tl::http
