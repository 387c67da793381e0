#include "http/http1_session.h"

#include <array>

#include "http/http1_write.h"
#include "http/linger.h"

namespace tl::http {

namespace {

// After an answer, this much of an unread request body is swallowed to keep the connection; more is not worth
// it.
constexpr uint64_t kMostDrained = 64 * 1024;
constexpr base::Duration kDrainTime = 1s;
// What one session may do before others have their turn, however fast its client is.
constexpr unsigned kRequestsPerTurn = 16;

iovec part(std::string_view bytes) { return {const_cast<char*>(bytes.data()), bytes.size()}; }

bool forbids_body(uint16_t status) { return status < 200 || status == 204 || status == 304; }

}  // namespace

Http1Session::Http1Session(Server& server, std::unique_ptr<net::Stream> stream, base::Buffer early)
    : server_(&server), stream_(std::move(stream)), peer_(stream_->peer()), in_(std::move(early)) {}

rt::Task<void> Http1Session::run() {
    Next next = Next::request;
    while (next == Next::request) {
        const bool more = co_await wait_for_bytes();
        if (!more) co_return;
        next = co_await serve_one();
        first_ = false;
    }
    // After `reset` the connection is closed as it is: a FIN first would make a broken answer look whole.
    if (next != Next::close) co_return;
    out_.release();
    in_.release();
    co_await linger(*stream_, &server_->hard_cancel_);
}

// Between requests: no buffer, no head; ends on silence, on close by the peer and when the server drains.
rt::Task<bool> Http1Session::wait_for_bytes() {
    out_.release();
    const base::TimePoint deadline = base::deadline_after(
        rt::this_loop().now(), first_ ? server_->limits_.head_deadline : server_->limits_.keep_alive);
    bool draining = false;
    while (in_.empty()) {
        const net::IoResult got = stream_->try_read(in_.writable());
        if (got.status == net::IoStatus::ok) {
            in_.commit(got.bytes);
            break;
        }
        in_.release();
        if (got.status != net::IoStatus::again || draining) co_return false;
        const rt::Wake wake = co_await stream_->readiness().wait_readable({deadline, &server_->idle_cancel_});
        if (wake == rt::Wake::timeout) co_return false;
        // One more look: a request that came together with the drain is still answered.
        draining = wake == rt::Wake::cancelled;
        served_unpaused_ = 0;
    }
    co_return true;
}

rt::Task<Http1Session::Next> Http1Session::serve_one() {
    if (++served_unpaused_ > kRequestsPerTurn) {
        served_unpaused_ = 0;
        co_await rt::yield();
    }
    Http1ServerExchange exchange{*this, server_->limits_};
    const HeadRead read = co_await exchange.read_head();
    if (read == HeadRead::closed) co_return Next::close;
    if (read == HeadRead::complete) {
        ++server_->stats_.requests;
        auto refused = exchange.begin_body();
        if (!refused && server_->short_of_memory()) refused = Http1ServerExchange::no_memory();
        if (refused) {
            co_await exchange.refuse(refused->status, std::move(refused->error));
        } else {
            co_await server_->handler_->handle(exchange);
        }
    }
    const Next next = co_await exchange.finish();
    co_return next;
}

// ---- the exchange

Http1ServerExchange::Http1ServerExchange(Http1Session& session, const ServerLimits& limits)
    : session_(&session),
      limits_(limits),
      body_(*session.stream_, session.in_, limits_.head),
      cancel_(&session.server_->hard_cancel_) {
    session.stream_->readiness().on_hang_up(&cancel_);
}

Http1ServerExchange::~Http1ServerExchange() {
    session_->stream_->readiness().on_hang_up(nullptr);
    // Only when the handler was left by an exception: finish() has seen to it otherwise.
    if (started_ && !ended_ && !switched_) session_->stream_->reset_on_close();
}

rt::Task<Http1Session::HeadRead> Http1ServerExchange::read_head() {
    using HeadRead = Http1Session::HeadRead;
    const rt::Wait wait = rt::this_loop().within(limits_.head_deadline, &cancel_);
    base::Buffer& in = session_->in_;
    uint32_t scanned = 0;
    for (;;) {
        const codec::Parsed parsed = head_.parse(in.view(), limits_.head, scanned);
        if (parsed.state == codec::ParseState::complete) {
            in.consume(parsed.consumed);
            co_return HeadRead::complete;
        }
        if (parsed.state == codec::ParseState::bad) {
            ++session_->server_->stats_.refused_heads;
            base::Error error{.code = base::Code::invalid, .context = std::string{codec::describe(parsed.fault)}};
            co_await refuse_head(codec::status_for(parsed.fault), std::move(error));
            co_return HeadRead::refused;
        }
        // One that sends its head slowly holds a buffer meanwhile.
        if (session_->server_->short_of_memory() && !in.empty()) {
            Refused refused = no_memory();
            co_await refuse_head(refused.status, std::move(refused.error));
            co_return HeadRead::refused;
        }
        const auto got = co_await session_->stream_->read_some(in.writable(), wait);
        if (!got && got.error().code == base::Code::timeout) {
            co_await refuse_head(
                408, base::Error{.code = base::Code::timeout, .context = "the head did not arrive in time"});
            co_return HeadRead::refused;
        }
        if (!got || *got == 0) co_return HeadRead::closed;
        in.commit(*got);
    }
}

std::optional<Http1ServerExchange::Refused> Http1ServerExchange::begin_body() {
    body_.start(head_.framing, head_.length, limits_.body);
    if (head_.framing == codec::Framing::length && head_.length > limits_.body) {
        return Refused{413, {.code = base::Code::too_large, .context = "the body is larger than this gateway takes"}};
    }
    return std::nullopt;
}

Http1ServerExchange::Refused Http1ServerExchange::no_memory() {
    return {503, {.code = base::Code::unavailable, .context = "the memory for requests is used up"}};
}

// What was parsed so far may point to where the bytes no longer are.
rt::Task<void> Http1ServerExchange::refuse_head(uint16_t status, base::Error error) {
    head_.method = codec::Method::other;
    head_.headers.clear();
    return refuse(status, std::move(error));
}

rt::Task<void> Http1ServerExchange::refuse(uint16_t status, base::Error error) {
    keep_ = false;
    error.side = base::Side::downstream;
    Server::Refusal* refusal = session_->server_->refusal_;
    if (refusal != nullptr) {
        co_await refusal->refuse(*this, status, error);
    } else {
        [[maybe_unused]] const auto sent = co_await reply(*this, status, "text/plain", error.context + "\n");
    }
}

BodyLength Http1ServerExchange::request_length() const {
    switch (head_.framing) {
        case codec::Framing::length: return {BodyLength::Kind::known, head_.length};
        case codec::Framing::chunked: return {BodyLength::Kind::unknown};
        default: return {};
    }
}

bool Http1ServerExchange::may_keep_alive(const OutgoingResponse& response) const {
    if (!keep_ || !head_.keep_alive || session_->server_->draining()) return false;
    if (frame_ == Frame::until_close) return false;
    // What follows a CONNECT may be meant for the tunnel that was refused: it must not be taken for requests.
    if (head_.method == codec::Method::connect) return false;
    if (body_.at_end() || response.status < 200) return true;
    // The client waits for a 100 that never came, or is in the middle of a long body: it cannot be resumed.
    if (head_.expect_continue && !continued_ && body_.received() == 0) return false;
    const auto left = body_.left();
    return left && *left <= kMostDrained;
}

void Http1ServerExchange::write_head(const OutgoingResponse& response) {
    base::Buffer& out = session_->out_;
    const bool no_body = head_.method == codec::Method::head || forbids_body(response.status);
    const bool known = response.length.kind == BodyLength::Kind::known;
    to_send_ = known && !no_body ? response.length.bytes : 0;
    if (no_body || response.length.kind == BodyLength::Kind::none) {
        frame_ = Frame::none;
    } else if (known) {
        frame_ = Frame::length;
    } else {
        frame_ = head_.minor >= 1 ? Frame::chunked : Frame::until_close;
    }
    switched_ = response.status == 101;
    keep_ = may_keep_alive(response);

    codec::write_status_line(out, response.status,
                             response.reason.empty() ? codec::reason_of(response.status) : response.reason);
    if (response.headers != nullptr) codec::write_headers(out, *response.headers);
    if (switched_) {
        codec::write_header(out, "Connection", "upgrade");
        codec::write_header(out, "Upgrade", response.upgrade);
    } else if (!keep_) {
        codec::write_header(out, "Connection", "close");
    } else if (head_.minor == 0) {
        codec::write_header(out, "Connection", "keep-alive");
    }
    const bool length_says_something = response.status >= 200 && response.status != 204;
    if (known && length_says_something) {
        codec::write_number_header(out, "Content-Length", response.length.bytes);
    } else if (frame_ == Frame::chunked) {
        codec::write_header(out, "Transfer-Encoding", "chunked");
    } else if (frame_ == Frame::none && length_says_something && head_.method != codec::Method::head &&
               response.status != 304) {
        codec::write_number_header(out, "Content-Length", 0);
    }
    codec::write_end_of_head(out);
}

rt::Task<base::Result<void>> Http1ServerExchange::send_informational(const OutgoingResponse& response) {
    if (started_ || aborted_ || response.status < 100 || response.status > 199 || response.status == 101) {
        co_return base::fail(base::Code::internal, "an informational answer out of place");
    }
    if (head_.minor == 0) co_return base::Result<void>{};  // 1xx are unknown to HTTP/1.0
    continued_ = continued_ || response.status == 100;
    base::Buffer& out = session_->out_;
    codec::write_status_line(out, response.status, codec::reason_of(response.status));
    if (response.headers != nullptr) codec::write_headers(out, *response.headers);
    codec::write_end_of_head(out);
    iovec head = part(out.view());
    auto written =
        co_await write_steadily(*session_->stream_, {&head, 1}, {base::kNever, &cancel_}, limits_.write_idle);
    out.clear();
    if (!written) {
        written.error().side = base::Side::downstream;
        abort();  // part of a head may be out
    }
    co_return written;
}

rt::Task<base::Result<void>> Http1ServerExchange::send(const OutgoingResponse& response, Piece first) {
    if (started_ || aborted_) return out_of_place();
    started_ = true;
    write_head(response);
    return write_out(first, nullptr);
}

rt::Task<base::Result<void>> Http1ServerExchange::send_body(Piece piece, const codec::HeaderTable* trailers) {
    if (!started_ || aborted_) return out_of_place();
    if (ended_ && frame_ != Frame::none && !piece.data.empty()) return out_of_place();
    return write_out(piece, trailers);
}

// Bytes that would fall outside of the one answer are never written: the client would take them for the next.
rt::Task<base::Result<void>> Http1ServerExchange::out_of_place() {
    co_return base::fail(base::Code::internal, "a part of an answer out of place");
}

// Everything that waits in out_, then the piece, in one write.
rt::Task<base::Result<void>> Http1ServerExchange::write_out(Piece piece, const codec::HeaderTable* trailers) {
    if (ended_) co_return base::Result<void>{};
    base::Buffer& out = session_->out_;
    if (frame_ == Frame::none) piece = {{}, true};
    if (frame_ == Frame::length) {
        if (piece.data.size() > to_send_ || (piece.end && piece.data.size() != to_send_)) {
            abort();
            co_return base::fail(base::Code::internal, "the body does not have the length that its head announced");
        }
        to_send_ -= piece.data.size();
    }
    Http1Parts parts{out, frame_ == Frame::chunked, piece, trailers};
    ended_ = piece.end || (frame_ == Frame::length && to_send_ == 0);
    auto written =
        co_await write_steadily(*session_->stream_, parts.parts(), {base::kNever, &cancel_}, limits_.write_idle);
    out.clear();
    if (!written) {
        written.error().side = base::Side::downstream;
        abort();
    }
    co_return written;
}

void Http1ServerExchange::abort() {
    aborted_ = true;
    session_->stream_->reset_on_close();
}

// Both ways of a tunnel are read to their end, which tells of a peer that has gone. A hang-up does not: it also comes
// when both sides have finished in good order, and the last bytes may still be there to be read.
Tunnel Http1ServerExchange::tunnel() {
    session_->stream_->readiness().on_hang_up(nullptr);
    return {session_->stream_.get(), body_.surplus()};
}

// After the handler: the answer must be whole; then either the next request or the end.
rt::Task<Http1Session::Next> Http1ServerExchange::finish() {
    using Next = Http1Session::Next;
    if (!started_ && !aborted_) {
        [[maybe_unused]] const auto sent = co_await reply(*this, 500, "text/plain", "no answer was made\n");
    }
    if (!ended_ && !switched_) abort();
    if (aborted_) co_return Next::reset;
    if (switched_ || !keep_) co_return Next::close;
    const rt::Wait wait = rt::this_loop().within(kDrainTime, &cancel_);
    while (!body_.at_end()) {
        const auto piece = co_await body_.read(wait, kDrainTime);
        if (!piece) co_return Next::close;
    }
    body_.finish();
    co_return Next::request;
}

}  // namespace tl::http
