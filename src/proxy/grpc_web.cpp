#include "proxy/grpc_web.h"

#include "base/text.h"
#include "codec/grpc_web.h"

namespace tl::proxy {

using codec::Field;
using codec::GrpcKind;
using http::Piece;

namespace {

constexpr std::string_view kWebText = "application/grpc-web-text";

bool asks_for_text(const codec::HeaderTable& headers) {
    return base::lower(headers.value(Field::accept)).find(kWebText) != std::string::npos;
}

// How a call has ended, where its head or its trailers say so, and where they do not.
codec::HeaderTable end_of(const codec::HeaderTable& said, uint16_t http_status) {
    codec::HeaderTable end;
    for (const codec::Header& field : said) end.push(field);
    if (codec::grpc_status_in(said)) return end;
    end.add(codec::kGrpcStatusField, codec::number_text(codec::grpc_status_of_http(http_status)));
    end.add(codec::kGrpcMessageField, "the service ended the call without a status");
    return end;
}

// Browsers show the fields of a head to scripts of other origins only where CORS allows each: so the status goes into
// the body, where scripts look for it anyway.
bool tells_end(const codec::Header& field) {
    return base::iequals(field.name, codec::kGrpcStatusField) || base::iequals(field.name, codec::kGrpcMessageField) ||
           base::iequals(field.name, "grpc-status-details-bin");
}

}  // namespace

GrpcWebExchange::GrpcWebExchange(http::ServerExchange& client, GrpcKind kind)
    : client_(&client),
      text_in_(kind == GrpcKind::web_text),
      text_out_(text_in_ || asks_for_text(client.request().headers)) {}

// ---- the request

void GrpcWebExchange::translate_request() {
    codec::HeaderTable& headers = client_->request().headers;
    decodes_ = text_in_;
    type_ = "application/grpc";
    type_ += codec::grpc_subtype(headers.value(Field::content_type));
    headers.set(Field::content_type, type_);
    headers.set(Field::te, "trailers");
    headers.remove("x-grpc-web");
    headers.remove(Field::accept);
}

http::BodyLength GrpcWebExchange::request_length() const {
    const http::BodyLength length = client_->request_length();
    if (!decodes_ || length.kind == http::BodyLength::Kind::none) return length;
    return {http::BodyLength::Kind::unknown};
}

base::Result<Piece> GrpcWebExchange::decode(const Piece& piece) {
    decoded_.clear();
    if (decoder_.decode(piece.data, decoded_) && (!piece.end || decoder_.complete())) return Piece{decoded_, piece.end};
    return base::fail(base::Error{.code = base::Code::invalid,
                                  .side = base::Side::downstream,
                                  .context = "the body says that it is base64 (grpc-web-text), and is not"});
}

std::optional<base::Result<Piece>> GrpcWebExchange::try_read() {
    for (;;) {
        auto piece = client_->try_read();
        if (!decodes_ || !piece || !*piece) return piece;
        auto decoded = decode(**piece);
        if (!decoded || decoded->end || !decoded->data.empty()) return decoded;
    }
}

rt::Task<base::Result<Piece>> GrpcWebExchange::read(rt::Wait wait) {
    for (;;) {
        auto piece = co_await client_->read(wait);
        if (!decodes_ || !piece) co_return piece;
        auto decoded = decode(*piece);
        if (!decoded || decoded->end || !decoded->data.empty()) co_return decoded;
    }
}

// ---- the answer

// Each piece is padded, so that nothing waits here for the next one.
std::string_view GrpcWebExchange::encoded(std::string_view bytes) {
    if (!text_out_) return bytes;
    out_.clear();
    codec::append_base64(out_, bytes);
    return out_;
}

rt::Task<base::Result<void>> GrpcWebExchange::send(const http::OutgoingResponse& response, Piece first) {
    const std::string_view given = response.headers->value(Field::content_type);
    translates_ = codec::grpc_kind(given) == GrpcKind::grpc;
    if (!translates_) {
        auto sent = co_await client_->send(response, first);
        co_return sent;
    }
    status_ = response.status;
    std::string type = text_out_ ? std::string{kWebText} : "application/grpc-web";
    type += codec::grpc_subtype(given);
    codec::HeaderTable head;
    codec::HeaderTable end;
    for (const codec::Header& field : *response.headers) {
        if (field.field == Field::trailer) continue;
        (first.end && tells_end(field) ? end : head).push(field);
    }
    head.set(Field::content_type, type);
    http::OutgoingResponse translated = response;
    translated.headers = &head;
    if (first.end) {
        auto sent = co_await send_whole(translated, first.data, end);
        co_return sent;
    }
    translated.length = {http::BodyLength::Kind::unknown};
    auto sent = co_await client_->send(translated, {encoded(first.data), false});
    co_return sent;
}

rt::Task<base::Result<void>> GrpcWebExchange::send_whole(http::OutgoingResponse response, std::string_view data,
                                                         const codec::HeaderTable& end) {
    std::string body{data};
    body += codec::grpc_web_trailer_frame(end_of(end, response.status));
    const std::string_view out = encoded(body);
    response.length = {http::BodyLength::Kind::known, out.size()};
    auto sent = co_await client_->send(response, {out, true});
    co_return sent;
}

rt::Task<base::Result<void>> GrpcWebExchange::send_body(Piece piece, const codec::HeaderTable* trailers) {
    if (!translates_) {
        auto sent = co_await client_->send_body(piece, trailers);
        co_return sent;
    }
    base::Result<void> sent;
    if (!piece.data.empty()) sent = co_await client_->send_body({encoded(piece.data), false}, nullptr);
    if (!sent || !piece.end) co_return sent;
    static const codec::HeaderTable kNone;
    const std::string frame = codec::grpc_web_trailer_frame(end_of(trailers == nullptr ? kNone : *trailers, status_));
    sent = co_await client_->send_body({encoded(frame), true}, nullptr);
    co_return sent;
}

}  // namespace tl::proxy
