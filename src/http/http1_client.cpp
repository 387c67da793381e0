#include <array>

#include "base/buffer.h"
#include "http/client.h"
#include "http/http1_body.h"
#include "http/http1_write.h"

namespace tl::http {

using codec::Method;

namespace {

// So many 1xx may come before an answer; a peer that sends more means no good.
constexpr int kMostInformational = 32;

Method method_of(std::string_view text) {
    if (text == "GET") return Method::get;
    if (text == "HEAD") return Method::head;
    if (text == "CONNECT") return Method::connect;
    return Method::other;
}

base::Error upstream_error(base::Error error) {
    error.side = base::Side::upstream;
    return error;
}

class Http1Client final : public ClientConnection, private ClientExchange {
  public:
    Http1Client(std::unique_ptr<net::Stream> stream, const ClientLimits& limits)
        : stream_(std::move(stream)), limits_(limits) {}

    ClientExchange& open_exchange() override {
        body_.emplace(*stream_, in_, limits_.head);
        sent_all_ = seen_ = false;
        final_ = broken_ = false;
        informational_ = 0;
        began_at_ = stream_->written();
        return *this;
    }
    bool close_exchange() override {
        const bool whole = sent_all_ && final_ && !broken_ && body_->at_end();
        const bool clean = whole && body_->surplus().empty();
        body_->finish();
        body_.reset();
        in_.release();
        out_.release();
        return clean && keep_alive_;
    }
    bool alive() override {
        // Anything readable on an idle connection is its end, or bytes that nobody asked for.
        if (stream_->readiness().finished()) return false;
        if (!stream_->readiness().maybe_readable() && !stream_->holds_bytes()) return true;
        stream_->readiness().let_go();
        char byte = 0;  // fresh, or its last read filled the buffer: one look tells
        return stream_->try_read({&byte, 1}).status == net::IoStatus::again;
    }
    net::Stream& stream() override { return *stream_; }

    rt::Task<base::Result<void>> send(const OutgoingRequest& request, Piece first, rt::Wait wait) override;
    rt::Task<base::Result<void>> send_body(Piece piece, const codec::HeaderTable* trailers, rt::Wait wait) override;
    rt::Task<base::Result<codec::ResponseHead*>> read_head(rt::Wait wait) override;
    BodyLength response_length() const override;
    std::optional<base::Result<Piece>> try_read() override { return body_->try_read(); }
    rt::Task<base::Result<Piece>> read(rt::Wait wait) override { return body_->read(wait, {limits_.body_idle}); }
    const codec::HeaderTable& trailers() const override { return body_->trailers(); }
    Tunnel tunnel() override { return {stream_.get(), body_->surplus()}; }
    bool request_may_have_arrived() const override { return stream_->acknowledged_beyond(began_at_); }
    bool response_seen() const override { return seen_; }

  private:
    [[nodiscard]] bool take_head(uint32_t& scanned, base::Result<codec::ResponseHead*>& result);
    [[nodiscard]] bool accept_head();
    [[nodiscard]] base::Result<void> count_body(const Piece& piece);

    std::unique_ptr<net::Stream> stream_;
    ClientLimits limits_;
    base::Buffer in_;
    base::Buffer out_;
    codec::ResponseHead head_;
    std::optional<Http1Body> body_;
    Method method_ = Method::get;
    bool chunked_ = false;
    bool upgrade_asked_ = false;
    uint64_t began_at_ = 0;  // bytes written to the stream before this exchange
    uint64_t to_send_ = 0;   // not chunked: bytes of the request's body still owed
    int informational_ = 0;
    bool sent_all_ = false;
    bool seen_ = false;
    bool final_ = false;
    bool broken_ = false;
    bool keep_alive_ = false;
};

rt::Task<base::Result<void>> Http1Client::send(const OutgoingRequest& request, Piece first, rt::Wait wait) {
    method_ = method_of(request.method);
    chunked_ = request.length.kind == BodyLength::Kind::unknown;
    to_send_ = request.length.kind == BodyLength::Kind::known ? request.length.bytes : 0;
    upgrade_asked_ = !request.upgrade.empty();
    codec::write_request_line(out_, request.method, request.target);
    if (request.headers != nullptr) codec::write_headers(out_, *request.headers);
    if (!request.upgrade.empty()) {
        codec::write_header(out_, "Connection", "upgrade");
        codec::write_header(out_, "Upgrade", request.upgrade);
    }
    if (chunked_) codec::write_header(out_, "Transfer-Encoding", "chunked");
    if (request.length.kind == BodyLength::Kind::known) {
        codec::write_number_header(out_, "Content-Length", request.length.bytes);
    }
    codec::write_end_of_head(out_);
    return send_body(first, nullptr, wait);
}

// A body of another length than its head announced would shift the border to the next request.
base::Result<void> Http1Client::count_body(const Piece& piece) {
    if (sent_all_ && piece.data.empty()) return {};
    const bool fits = chunked_ || (piece.data.size() <= to_send_ && (!piece.end || piece.data.size() == to_send_));
    if (sent_all_ || !fits) {
        broken_ = true;
        return base::fail(base::Code::internal, "the body does not have the length that its head announced");
    }
    if (!chunked_) to_send_ -= piece.data.size();
    return {};
}

rt::Task<base::Result<void>> Http1Client::send_body(Piece piece, const codec::HeaderTable* trailers, rt::Wait wait) {
    auto counted = count_body(piece);
    if (!counted || sent_all_) {
        out_.clear();
        co_return counted;
    }
    Http1Parts parts{out_, chunked_, piece, trailers};
    std::span<iovec> rest = parts.parts();
    uint64_t taken = 0;
    auto written = write_at_once(*stream_, rest, taken);
    if (!written) written = co_await write_steadily(*stream_, rest, wait, {limits_.write_idle});
    out_.clear();
    if (!*written) {
        broken_ = true;
        co_return base::fail(upstream_error(std::move(written->error())));
    }
    sent_all_ = piece.end || (!chunked_ && to_send_ == 0);
    co_return std::move(*written);
}

// True when `result` is decided: a head, or a fault.
bool Http1Client::take_head(uint32_t& scanned, base::Result<codec::ResponseHead*>& result) {
    if (in_.empty()) return false;
    const codec::Parsed parsed = head_.parse(in_.view(), limits_.head, method_, scanned);
    if (parsed.state == codec::ParseState::need_more) return false;
    if (parsed.state == codec::ParseState::bad) {
        broken_ = true;
        base::Error error{.code = base::Code::invalid, .context = std::string{codec::describe(parsed.fault)}};
        // A SETTINGS frame: what every HTTP/2 server says first.
        const bool http2 = in_.view().size() > 3 && in_.view()[0] == 0 && in_.view()[3] == 4;
        if (http2) error.context = "it speaks HTTP/2: \"protocol: http2\" belongs beside this service";
        result = base::fail(upstream_error(std::move(error)));
        return true;
    }
    in_.consume(parsed.consumed);
    if (accept_head()) {
        result = &head_;
    } else {
        broken_ = true;
        base::Error error{.code = base::Code::invalid, .context = "an informational answer that nobody asked for"};
        result = base::fail(upstream_error(std::move(error)));
    }
    return true;
}

// False for a switch of protocols that was not asked for (RFC 9110 15.2.2), and for 1xx without end.
bool Http1Client::accept_head() {
    const bool switches = head_.status == 101;
    if (switches && !upgrade_asked_) return false;
    final_ = head_.status >= 200 || switches;
    if (!final_) return ++informational_ <= kMostInformational;
    const bool tunnel = switches || (method_ == Method::connect && head_.status < 300);
    keep_alive_ = head_.keep_alive && !tunnel;
    body_->start(head_.framing, head_.length, UINT64_MAX);
    return true;
}

rt::Task<base::Result<codec::ResponseHead*>> Http1Client::read_head(rt::Wait wait) {
    uint32_t scanned = 0;
    base::Result<codec::ResponseHead*> result = nullptr;
    for (;;) {
        if (take_head(scanned, result)) co_return result;
        const net::IoResult got = stream_->try_read(in_.writable());
        if (got.status == net::IoStatus::ok) {
            seen_ = true;
            in_.commit(got.bytes);
            continue;
        }
        if (got.status != net::IoStatus::again) {
            broken_ = true;
            base::Error error =
                got.status == net::IoStatus::failed
                    ? stream_->io_error(got, "reading the answer")
                    : base::Error{.code = base::Code::reset, .context = "the connection ended before an answer"};
            error.retryable = !seen_;
            co_return base::fail(upstream_error(std::move(error)));
        }
        if (in_.empty()) in_.release();
        const rt::Wake wake = co_await stream_->readiness().wait_readable(wait);
        if (wake != rt::Wake::ready) {
            broken_ = true;
            co_return base::fail(upstream_error(rt::wake_error(wake, "waiting for the answer")));
        }
    }
}

BodyLength Http1Client::response_length() const {
    // A HEAD or 304 answer names a length that no body follows; it is passed on as it is.
    if (head_.framing == codec::Framing::length) return {BodyLength::Kind::known, head_.length};
    if (head_.framing == codec::Framing::none) {
        const codec::Header* length = head_.headers.find(codec::Field::content_length);
        if (length == nullptr) return {};
        uint64_t bytes = 0;
        for (const char c : length->value) bytes = bytes * 10 + static_cast<uint64_t>(c - '0');
        return {BodyLength::Kind::known, bytes};
    }
    return {BodyLength::Kind::unknown};
}

}  // namespace

std::unique_ptr<ClientConnection> make_http1_client(std::unique_ptr<net::Stream> stream, const ClientLimits& limits) {
    return std::make_unique<Http1Client>(std::move(stream), limits);
}

}  // namespace tl::http
