#include "http/http2_connection.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "http/http2_callbacks.h"
#include "http/http2_fields.h"

namespace tl::http {

namespace {

// One read takes at most this much.
constexpr size_t kBulkRead = 64 * 1024;

}  // namespace

Http2Connection::Http2Connection(Role role, std::unique_ptr<net::Stream> stream, const Rules& rules, rt::Cancel* stop,
                                 rt::Cancel* attention)
    : stream_(std::move(stream)),
      limits_(rules.http2),
      head_limits_(rules.head),
      write_idle_(rules.write_idle),
      server_(role == Role::server),
      session_(make_http2_session(server_, this, limits_)),
      stop_(stop),
      attention_(attention),
      last_read_(rt::this_loop().now()),
      scanner_(server_ ? NGHTTP2_CLIENT_MAGIC_LEN : 0) {}

Http2Connection::~Http2Connection() { nghttp2_session_del(session_); }

void Http2Connection::submit_trailers(int32_t id, const codec::HeaderTable& trailers) {
    Http2Fields fields;
    for (const codec::Header& header : trailers) fields.add(header);
    nghttp2_submit_trailer(session_, id, fields.data(), fields.size());
}

// ---- reading

rt::Task<void> Http2Connection::read_loop(base::Buffer early) {
    in_ = std::move(early);
    size_t bulk = 1;
    for (;;) {
        if (!in_.empty()) {
            const bool going_on = process(in_.view());
            in_.clear();
            if (!going_on) co_return;
            co_await wait_until_read();
        }
        const net::IoResult got = stream_->try_read(in_.writable(bulk));
        if (got.status == net::IoStatus::ok) {
            in_.commit(got.bytes);
            bulk = got.bytes >= base::Buffer::kBlock ? kBulkRead : 1;
            continue;
        }
        in_.release();
        bulk = 1;
        if (got.status == net::IoStatus::failed) fail(stream_->io_error(got, "reading"));
        if (got.status == net::IoStatus::end) {
            fail({.code = base::Code::closed, .context = "the connection was closed"});
        }
        if (got.status != net::IoStatus::again || !look_up()) co_return;
        rt::Cancel* const watched = attention_.requested() ? &stop_ : &attention_;
        [[maybe_unused]] const rt::Wake wake = co_await stream_->readiness().wait_readable({next_look(), watched});
    }
}

// A peer that asks and asks but does not read the answers is not listened to meanwhile.
rt::Task<void> Http2Connection::wait_until_read() {
    while (blocked_ && nghttp2_session_get_outbound_queue_size(session_) > limits_.unread_answers / 2) {
        const rt::Wake wake = co_await unblocked_.wait({base::kNever, &stop_});
        if (wake != rt::Wake::ready) co_return;
    }
}

bool Http2Connection::process(std::string_view bytes) {
    last_read_ = rt::this_loop().now();
    if (!std::exchange(heard_, true) && !understands(bytes)) return false;
    parsing_ = true;
    size_t scanned = 0;  // of the bytes at hand: nghttp2 has not seen them yet
    while (!bytes.empty() && !abused_) {
        size_t taken = 0;
        size_t before = 0;
        Http2FrameHead head;
        const bool found = scanner_.next(bytes.substr(scanned), taken, before, head);
        const bool needs_state = found && server_ && (head.type == NGHTTP2_DATA || head.type == NGHTTP2_HEADERS);
        scanned += taken;
        if (needs_state || !found) {
            const size_t size = found ? scanned - taken + before : scanned;
            if (!feed(bytes.substr(0, size))) break;
            bytes.remove_prefix(size);
            scanned -= size;
        }
        if (found) judge(head);
        if (!found) break;
    }
    parsing_ = false;
    if (abused_) {
        say_goodbye(NGHTTP2_ENHANCE_YOUR_CALM);
        return false;
    }
    if (lost_) {
        say_goodbye(NGHTTP2_PROTOCOL_ERROR);
        return false;
    }
    on_parsed();
    flush();
    return !failed_ && (nghttp2_session_want_read(session_) != 0 || nghttp2_session_want_write(session_) != 0);
}

bool Http2Connection::feed(std::string_view bytes) {
    if (bytes.empty()) return true;
    const auto* const data = reinterpret_cast<const uint8_t*>(bytes.data());
    const ssize_t used = nghttp2_session_mem_recv(session_, data, bytes.size());
    if (used >= 0) return true;
    if (used == NGHTTP2_ERR_FLOODED) abuse(Http2Abuse::unread_answers);
    if (used == NGHTTP2_ERR_TOO_MANY_CONTINUATIONS) abuse(Http2Abuse::continuations);
    if (!abused_) complaint_ = nghttp2_strerror(static_cast<int>(used));
    lost_ = true;
    return false;
}

void Http2Connection::judge(const Http2FrameHead& head) {
    constexpr uint8_t kAck = NGHTTP2_FLAG_ACK;
    const auto spend_on = [this](Http2Abuse kind) { [[maybe_unused]] const bool fine = spend(kind); };
    switch (head.type) {
        case NGHTTP2_DATA:
            if (head.length == 0 && (head.flags & NGHTTP2_FLAG_END_STREAM) == 0) spend_on(Http2Abuse::empty_frames);
            return check_stream(head);
        case NGHTTP2_HEADERS: continuations_ = 0; return check_stream(head);
        case NGHTTP2_CONTINUATION:
            if (++continuations_ > limits_.continuations) abuse(Http2Abuse::continuations);
            return;
        case NGHTTP2_PRIORITY:
        case NGHTTP2_PRIORITY_UPDATE: return spend_on(Http2Abuse::priorities);
        case NGHTTP2_SETTINGS:
            if ((head.flags & kAck) == 0) spend_on(Http2Abuse::settings);
            return;
        case NGHTTP2_PING:
            if ((head.flags & kAck) == 0) spend_on(Http2Abuse::pings);
            return;
        case NGHTTP2_WINDOW_UPDATE: return spend_on(Http2Abuse::window_updates);
        case NGHTTP2_RST_STREAM:
        case NGHTTP2_GOAWAY:
        case NGHTTP2_PUSH_PROMISE: return;
        default: return spend_on(Http2Abuse::unknown_frames);
    }
}

bool Http2Connection::spend(Http2Abuse kind) {
    if (spending_.spend(kind, limits_, rt::this_loop().now())) return true;
    abuse(kind);
    return false;
}

void Http2Connection::abuse(Http2Abuse kind) {
    if (abused_) return;
    abused_ = true;
    complaint_ = describe(kind);
    on_abuse(kind);
}

// nghttp2 lets pass what it cannot be sure of, for it does not remember what has become of a stream. It is sure enough:
// a peer that does not know yet of a reset by us is the one excuse for frames on a closed stream (RFC 9113 5.1), and it
// cannot have more of those than it may have streams. And a second field section always ends its stream (8.1).
void Http2Connection::check_stream(const Http2FrameHead& head) {
    if (!server_ || head.stream % 2 == 0) return;
    const bool headers = head.type == NGHTTP2_HEADERS;
    if (head.stream > newest_) {
        if (headers) newest_ = head.stream;
        return;
    }
    const bool gone = nghttp2_session_get_stream_remote_close(session_, head.stream) < 0;
    const bool excused = std::ranges::find(reset_by_us_, head.stream) != reset_by_us_.end();
    if (headers && (head.flags & NGHTTP2_FLAG_END_STREAM) == 0) {
        complaint_ = "trailers that do not end their stream";
        nghttp2_session_terminate_session(session_, NGHTTP2_PROTOCOL_ERROR);
    } else if (gone && !excused) {
        complaint_ = "a frame on a stream that is closed";
        nghttp2_session_terminate_session(session_, NGHTTP2_STREAM_CLOSED);
    }
}

void Http2Connection::remember_reset(int32_t id) {
    if (!server_) return;
    if (reset_by_us_.size() < limits_.streams) {
        reset_by_us_.push_back(id);
    } else {
        reset_by_us_[next_reset_++ % reset_by_us_.size()] = id;
    }
}

void Http2Connection::say_goodbye(uint32_t code) {
    const auto last = static_cast<uint32_t>(nghttp2_session_get_last_proc_stream_id(session_));
    std::array<char, 17> frame{0, 0, 8, NGHTTP2_GOAWAY};
    for (size_t i = 0; i < 4; ++i) {
        frame[9 + i] = static_cast<char>(last >> (24 - 8 * i));
        frame[13 + i] = static_cast<char>(code >> (24 - 8 * i));
    }
    out_.append({frame.data(), frame.size()});
    if (!blocked_) [[maybe_unused]]
        const net::IoResult tried = out_.write(*stream_);
}

// ---- writing

void Http2Connection::want_flush() {
    if (parsing_ || blocked_ || failed_) return;
    if (alive_ <= 1) {
        flush();
    } else if (!wanted_) {
        wanted_ = true;
        flush_signal_.notify_all();
    }
}

void Http2Connection::flush() {
    if (parsing_ || blocked_ || failed_) return;
    const Flushed flushed = try_flush();
    blocked_ = flushed == Flushed::blocked;
    if (blocked_) flush_signal_.notify_all();
    if (flushed == Flushed::failed && !failed_) {
        fail({.code = base::Code::reset, .context = "the connection broke while it was written to"});
    }
}

Http2Connection::Flushed Http2Connection::try_flush() {
    for (;;) {
        if (!out_.empty()) {
            const net::IoResult written = out_.write(*stream_);
            if (written.status == net::IoStatus::failed) return Flushed::failed;
            if (!out_.empty()) return Flushed::blocked;
        }
        if (!gather()) return Flushed::failed;
        if (out_.empty()) {
            out_.release();
            return Flushed::all;
        }
    }
}

bool Http2Connection::gather() {
    while (!out_.full()) {
        const uint8_t* data = nullptr;
        const ssize_t size = nghttp2_session_mem_send(session_, &data);
        if (size < 0) return false;
        if (size == 0) break;
        out_.append({reinterpret_cast<const char*>(data), static_cast<size_t>(size)});
    }
    return true;
}

rt::Task<void> Http2Connection::write_loop() {
    while (!stop_.requested()) {
        if (blocked_) {
            const rt::Wait wait = rt::this_loop().within(write_idle_, &stop_);
            const rt::Wake wake = co_await stream_->readiness().wait_writable(wait);
            if (wake == rt::Wake::timeout) {
                stream_->reset_on_close();
                fail({.code = base::Code::timeout, .context = "the peer does not read"});
            }
            blocked_ = false;
            flush();
            if (!blocked_) unblocked_.notify_all();
        } else if (!wanted_) {
            [[maybe_unused]] const rt::Wake wake = co_await flush_signal_.wait({base::kNever, &stop_});
        } else {
            wanted_ = false;
            flush();
        }
    }
}

rt::Task<void> Http2Connection::flush_rest(rt::Wait wait) {
    blocked_ = false;
    while (!failed_) {
        const Flushed flushed = try_flush();
        if (flushed != Flushed::blocked) co_return;
        const rt::Wake wake = co_await stream_->readiness().wait_writable(wait);
        if (wake != rt::Wake::ready) co_return;
    }
}

void Http2Connection::end_streams(const base::Error& error) {
    streams_.for_each([&](Http2Stream& stream) { stream.on_close(NGHTTP2_INTERNAL_ERROR, &error); });
}

void Http2Connection::fail(const base::Error& error) {
    if (failed_) return;
    failed_ = true;
    end_streams(error);
    stop_.request();
    look_again();
}

}  // namespace tl::http
