#include "http/http2_client_exchange.h"

#include "base/text.h"
#include "http/http2_fields.h"

namespace tl::http {

namespace {

// So many 1xx may come before an answer; a peer that sends more means no good.
constexpr int kMostInformational = 32;

base::Error upstream_error(base::Error error) {
    error.side = base::Side::upstream;
    return error;
}

codec::Method method_of(std::string_view text) {
    if (text == "HEAD") return codec::Method::head;
    return text == "CONNECT" ? codec::Method::connect : codec::Method::other;
}

}  // namespace

Http2ClientExchange::Http2ClientExchange(Http2Client& client) : Http2Stream(client), client_(&client) {
    client.enlist(*this);
}

// ---- the request

// RFC 8441 3: only a peer that says so takes an extended CONNECT; what it says comes first of all.
rt::Task<base::Result<void>> Http2ClientExchange::connect_protocol(rt::Wait wait) {
    while (!client_->settings_seen_ && !closed_) {
        const rt::Wake wake = co_await client_->changed_.wait(wait);
        if (wake != rt::Wake::ready) {
            co_return base::fail(upstream_error(rt::wake_error(wake, "waiting for the settings of HTTP/2")));
        }
    }
    if (closed_) co_return base::fail(upstream_error(broken()));
    const uint32_t enabled =
        nghttp2_session_get_remote_settings(client_->session(), NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL);
    if (enabled == 1) co_return base::Result<void>{};
    // Nobody's fault but the manifest's: an instance must not be taken out for it.
    co_return base::fail(
        base::Code::invalid,
        "the service does not take upgrades such as WebSocket over HTTP/2 (RFC 8441); \"protocol: http1\" would");
}

void Http2ClientExchange::submit_head(const OutgoingRequest& request, bool ended) {
    Http2Fields fields;
    const bool upgrades = !request.upgrade.empty();
    fields.add(":method", upgrades ? "CONNECT" : request.method);
    if (upgrades) fields.add(":protocol", upgrade_);
    fields.add(":scheme", client_->scheme_);
    fields.add(":authority", request.headers->value(codec::Field::host));
    fields.add(":path", request.target);
    for (const codec::Header& header : *request.headers) {
        if (header.field == codec::Field::host || header.field == codec::Field::te) continue;
        if (codec::is_connection_specific(header)) continue;
        if (upgrades && base::iequals(header.name, "sec-websocket-key")) {
            websocket_key_ = header.value;
            continue;
        }
        fields.add(header);
    }
    if (request.trailers) fields.add("te", "trailers");
    if (!upgrades) fields.add_length(request.length);
    auto body = body_source();
    id_ = nghttp2_submit_request(client_->session(), nullptr, fields.data(), fields.size(), ended ? nullptr : &body,
                                 static_cast<Http2Stream*>(this));
}

rt::Task<base::Result<void>> Http2ClientExchange::send(const OutgoingRequest& request, Piece first, rt::Wait wait) {
    if (closed_) co_return base::fail(upstream_error(broken()));
    method_ = method_of(request.method);
    length_known_ = request.length.kind == BodyLength::Kind::known;
    to_send_ = length_known_ ? request.length.bytes : 0;
    if (!request.upgrade.empty()) {
        upgrade_ = request.upgrade;
        const auto enabled = co_await connect_protocol(wait);
        if (!enabled) co_return enabled;
    }
    if (request.length.kind == BodyLength::Kind::none && upgrade_.empty()) first = {{}, true};
    const bool ended = upgrade_.empty() && first.end && first.data.empty() && to_send_ == 0;
    began_at_ = client_->stream().written();
    submit_head(request, ended);
    if (id_ < 0) {
        refused_ = true;
        co_return base::fail(upstream_error(
            {.code = base::Code::reset, .retryable = true, .context = "the connection takes no more requests"}));
    }
    if (ended) out_ended_ = true;
    if (ended || !upgrade_.empty() || (first.data.empty() && !first.end)) {
        client_->want_flush();
        co_return base::Result<void>{};
    }
    auto sent = co_await send_body(first, nullptr, wait);
    co_return sent;
}

// A body of another length than its head announced is malformed (RFC 9113 8.1.1).
bool Http2ClientExchange::fits(const Piece& piece) {
    if (!length_known_) return true;
    if (piece.data.size() > to_send_ || (piece.end && piece.data.size() != to_send_)) return false;
    to_send_ -= piece.data.size();
    return true;
}

rt::Task<base::Result<void>> Http2ClientExchange::send_body(Piece piece, const codec::HeaderTable* trailers,
                                                            rt::Wait wait) {
    if (out_ended_ && piece.data.empty()) co_return base::Result<void>{};
    if (out_ended_ || !fits(piece)) {
        reset(NGHTTP2_INTERNAL_ERROR);
        co_return base::fail(base::Code::internal, "the body does not have the length that its head announced");
    }
    if (piece.data.empty() && !piece.end) co_return base::Result<void>{};
    auto written = co_await put_piece(piece, trailers, wait, {client_->client_limits_.write_idle});
    if (!written) written.error().side = base::Side::upstream;
    co_return written;
}

// ---- the answer

void Http2ClientExchange::on_field(std::string_view name, std::string_view value) {
    if (final_) return collect_trailer(name, value, client_->client_limits_.head);
    if (arriving_head_ == nullptr) arriving_head_ = std::make_unique<ReceivedHead>();
    arriving_head_->section.add(name, value, client_->client_limits_.head, arriving_head_->head.headers);
}

bool Http2ClientExchange::on_section_end(bool ended) {
    seen_ = true;
    if (final_) return complete_trailers();
    if (arriving_head_ == nullptr) return false;
    ReceivedHead& received = *arriving_head_;
    const auto fault = codec::complete_response(received.section, ended, method_, received.head);
    if (fault != codec::Http1Fault::none) {
        lost_ = base::Error{.code = base::Code::invalid, .context = std::string{codec::describe(fault)}};
        return false;
    }
    final_ = received.head.status >= 200;
    if (!final_ && (ended || ++informational_ > kMostInformational)) return false;
    if (final_ && received.head.status < 300 && !upgrade_.empty()) become_upgraded(received);
    heads_.push_back(std::move(arriving_head_));
    arrived_.notify_all();
    return true;
}

// What HTTP/1 answers in the place of a 200 to an extended CONNECT.
void Http2ClientExchange::become_upgraded(ReceivedHead& received) const {
    codec::ResponseHead& head = received.head;
    head.status = 101;
    head.upgrade = true;
    head.headers.add(codec::Field::upgrade, received.arena.copy(upgrade_));
    if (websocket_key_.empty()) return;
    head.headers.set("sec-websocket-accept", received.arena.copy(codec::websocket_accept(websocket_key_)));
}

rt::Task<base::Result<codec::ResponseHead*>> Http2ClientExchange::read_head(rt::Wait wait) {
    for (;;) {
        if (!heads_.empty()) {
            head_ = std::move(heads_.front());
            heads_.pop_front();
            co_return &head_->head;
        }
        if (closed_ || id_ < 0) {
            base::Error error = upstream_error(broken());
            error.retryable = !seen_;
            co_return base::fail(std::move(error));
        }
        const rt::Wake wake = co_await arrived_.wait(wait);
        if (wake == rt::Wake::ready) continue;
        co_return base::fail(upstream_error(rt::wake_error(wake, "waiting for the answer")));
    }
}

BodyLength Http2ClientExchange::response_length() const {
    const codec::ResponseHead& head = head_->head;
    // A HEAD or 304 answer names a length that no body follows; it is passed on as it is.
    if (head.headers.find(codec::Field::content_length) != nullptr) return {BodyLength::Kind::known, head.length};
    if (head.framing == codec::Framing::none) return {};
    return {BodyLength::Kind::unknown};
}

std::optional<base::Result<Piece>> Http2ClientExchange::try_read() { return take_piece(); }

rt::Task<base::Result<Piece>> Http2ClientExchange::read(rt::Wait wait) {
    return read_piece(wait, {client_->client_limits_.body_idle});
}

Tunnel Http2ClientExchange::tunnel() {
    if (!tunnel_) tunnel_.emplace(*this);
    return {&*tunnel_, {}};
}

bool Http2ClientExchange::request_may_have_arrived() const {
    if (id_ < 0 || refused_) return false;
    return !lost_ || client_->stream().acknowledged_beyond(began_at_);
}

}  // namespace tl::http
