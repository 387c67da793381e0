// The server's side of one stream: the head that arrives, the answer that leaves.
#include "base/text.h"
#include "http/http2_fields.h"
#include "http/http2_session.h"

namespace tl::http {

namespace {

bool forbids_body(uint16_t status) { return status < 200 || status == 204 || status == 304; }

bool is_websocket_proof(const codec::Header& header) { return base::iequals(header.name, "sec-websocket-accept"); }

base::Result<void> out_of_place(std::string_view what) { return base::fail(base::Code::internal, std::string{what}); }

}  // namespace

Http2ServerExchange::Http2ServerExchange(Http2ServerSession& session, int32_t id)
    : Http2Stream(session), session_(&session), limits_(session.server_->limits_), cancel_(&session.stop_) {
    id_ = id;
    most_ = limits_.body;
    session.enlist(*this);
}

// ---- arriving

void Http2ServerExchange::on_field(std::string_view name, std::string_view value) {
    if (complete_) {
        collect_trailer(name, value, limits_.head);
    } else {
        section_.add(name, value, limits_.head, head_.headers);
    }
}

bool Http2ServerExchange::on_section_end(bool ended) {
    if (complete_) return complete_trailers();
    fault_ = codec::complete_request(section_, ended, limits_.head, arena_, head_);
    complete_ = true;
    call_ = head_.method == codec::Method::post &&
            codec::grpc_kind(head_.headers.value(codec::Field::content_type)) == codec::GrpcKind::grpc;
    if (call_) meter_.emplace();
    const bool websocket = base::iequals(section_.protocol, "websocket");
    if (fault_ == codec::Http1Fault::none && websocket && head_.headers.find("sec-websocket-key") == nullptr) {
        base::Random& random = rt::this_loop().random();
        head_.headers.add("sec-websocket-key", arena_.copy(codec::websocket_key(random.next(), random.next())));
        own_key_ = true;
    }
    return true;
}

void Http2ServerExchange::on_close(uint32_t code, const base::Error* lost) {
    Http2Stream::on_close(code, lost);
    if (code != NGHTTP2_NO_ERROR || !ended_) cancel_.request();
}

BodyLength Http2ServerExchange::request_length() const {
    switch (head_.framing) {
        case codec::Framing::length: return {BodyLength::Kind::known, head_.length};
        case codec::Framing::chunked: return {BodyLength::Kind::unknown};
        default: return {};
    }
}

std::optional<base::Result<Piece>> Http2ServerExchange::try_read() { return take_piece(); }

rt::Task<base::Result<Piece>> Http2ServerExchange::read(rt::Wait wait) {
    return read_piece(wait, call_ ? base::Duration::max() : limits_.body_idle);
}

// ---- leaving

rt::Task<base::Result<void>> Http2ServerExchange::send_informational(const OutgoingResponse& response) {
    if (started_ || aborted_ || response.status < 100 || response.status > 199 || response.status == 101) {
        co_return out_of_place("an informational answer out of place");
    }
    if (closed_) co_return base::fail(broken().at(base::Side::downstream));
    Http2Fields fields;
    fields.add_status(response.status);
    if (response.headers != nullptr) {
        for (const codec::Header& header : *response.headers) {
            if (!codec::is_connection_specific(header)) fields.add(header);
        }
    }
    nghttp2_submit_headers(session_->session(), NGHTTP2_FLAG_NONE, id_, nullptr, fields.data(), fields.size(), nullptr);
    session_->want_flush();
    co_return base::Result<void>{};
}

void Http2ServerExchange::submit_head(const OutgoingResponse& response, bool ended) {
    Http2Fields fields;
    // To a client of RFC 8441 a success means that the tunnel stands: one without a switch must not reach it as such.
    const bool misleading = head_.upgrade && !switched_ && response.status >= 200 && response.status < 300;
    const uint16_t status = switched_ ? 200 : response.status;
    fields.add_status(misleading ? uint16_t{502} : status);
    if (response.headers != nullptr) {
        for (const codec::Header& header : *response.headers) {
            const bool left_out = codec::is_connection_specific(header) || (switched_ && is_websocket_proof(header));
            if (!left_out) fields.add(header);
        }
    }
    if (response.status >= 200 && response.status != 204) fields.add_length(response.length);
    auto body = body_source();
    nghttp2_submit_response(session_->session(), id_, fields.data(), fields.size(), ended ? nullptr : &body);
}

rt::Task<base::Result<void>> Http2ServerExchange::send(const OutgoingResponse& response, Piece first) {
    if (started_ || aborted_) co_return out_of_place("a part of an answer out of place");
    if (closed_) co_return base::fail(broken().at(base::Side::downstream));
    started_ = true;
    switched_ = response.status == 101;
    const bool no_body = !switched_ && (head_.method == codec::Method::head || forbids_body(response.status));
    const bool known = response.length.kind == BodyLength::Kind::known;
    frame_ = no_body ? Frame::none : known ? Frame::length : Frame::open;
    if (known && !no_body) to_send_ = response.length.bytes;
    if (no_body) first = {{}, true};
    if (switched_) first = {};
    const bool empty = first.end && first.data.empty() && to_send_ == 0;
    submit_head(response, empty);
    if (empty) out_ended_ = ended_ = true;
    if (empty || switched_) {
        session_->want_flush();
        co_return base::Result<void>{};
    }
    auto written = co_await write(first, nullptr);
    co_return written;
}

rt::Task<base::Result<void>> Http2ServerExchange::send_body(Piece piece, const codec::HeaderTable* trailers) {
    if (!started_ || aborted_ || switched_) co_return out_of_place("a part of an answer out of place");
    if (ended_ && frame_ != Frame::none && !piece.data.empty()) {
        co_return out_of_place("a part of an answer out of place");
    }
    auto written = co_await write(piece, trailers);
    co_return written;
}

// A body of another length than its head announced is malformed (RFC 9113 8.1.1).
bool Http2ServerExchange::fits(const Piece& piece) {
    if (frame_ != Frame::length) return true;
    if (piece.data.size() > to_send_ || (piece.end && piece.data.size() != to_send_)) return false;
    to_send_ -= piece.data.size();
    return true;
}

rt::Task<base::Result<void>> Http2ServerExchange::write(Piece piece, const codec::HeaderTable* trailers) {
    if (ended_) co_return base::Result<void>{};
    if (!fits(piece)) {
        abort();
        co_return out_of_place("the body does not have the length that its head announced");
    }
    const bool with_trailers = trailers != nullptr && !trailers->empty();
    if (frame_ == Frame::length && to_send_ == 0 && !with_trailers && !piece.data.empty()) piece.end = true;
    ended_ = piece.end;
    if (piece.data.empty() && !piece.end) {
        session_->want_flush();  // the head alone
        co_return base::Result<void>{};
    }
    auto written = co_await put_piece(piece, trailers, {base::kNever, &cancel_}, limits_.write_idle);
    if (!written) {
        written.error().side = base::Side::downstream;
        abort();
    }
    co_return written;
}

void Http2ServerExchange::abort() {
    aborted_ = true;
    reset(NGHTTP2_INTERNAL_ERROR);
}

Tunnel Http2ServerExchange::tunnel() {
    if (!tunnel_) tunnel_.emplace(*this);
    return {&*tunnel_, {}};
}

// A head or a length that is over a limit, or breaks a rule that nghttp2 does not know of.
rt::Task<void> Http2ServerExchange::answer_refused() {
    uint16_t status = codec::status_for(fault_);
    base::Error error{
        .code = base::Code::invalid, .side = base::Side::downstream, .context = std::string{codec::describe(fault_)}};
    if (fault_ == codec::Http1Fault::none) {
        status = 413;
        error.code = base::Code::too_large;
        error.context = "the body is larger than this gateway takes";
    }
    Server::Refusal* const refusal = session_->server_->refusal_;
    if (refusal != nullptr) {
        co_await refusal->refuse(*this, status, error);
    } else {
        [[maybe_unused]] const auto sent = co_await reply(*this, status, "text/plain", error.context + "\n");
    }
}

// After the handler: the answer must be whole; what the client still sends is not wanted (the destructor says so).
rt::Task<void> Http2ServerExchange::finish() {
    if (!started_ && !aborted_ && !closed_) {
        [[maybe_unused]] const auto sent = co_await reply(*this, 500, "text/plain", "no answer was made\n");
    }
    if (switched_) {
        const rt::Wait wait = rt::this_loop().within(limits_.write_idle, &cancel_);
        while (!closed_ && !all_taken()) {
            const rt::Wake wake = co_await gone_out_.wait(wait);
            if (wake != rt::Wake::ready) break;
        }
    }
    if (!ended_ && !switched_) abort();
}

}  // namespace tl::http
