// A response's head: status line, and the framing that the request's method and the status decide.
#include "codec/http1_parse.h"
#include "codec/scan.h"

namespace tl::codec {

namespace {

bool parse_status(Cursor& in, uint16_t& status) {
    if (in.empty()) return false;
    if (*in.at != ' ') return in.stop(Http1Fault::bad_start_line);
    ++in.at;
    unsigned value = 0;
    for (int digits = 0; digits < 3; ++digits, ++in.at) {
        if (in.empty()) return false;
        if (!is_digit(*in.at)) return in.stop(Http1Fault::bad_status);
        if (digits == 0 && (*in.at < '1' || *in.at > '5')) return in.fail(Http1Fault::bad_status);
        value = value * 10 + static_cast<unsigned>(*in.at - '0');
    }
    status = static_cast<uint16_t>(value);
    return true;
}

// RFC 9112 4 wants the space even when no reason follows; many servers leave both out, and nothing is
// ambiguous then.
bool parse_reason(Cursor& in, std::string_view& reason) {
    reason = {};
    if (in.empty()) return false;
    if (*in.at == '\r') return in.line_end(Http1Fault::bad_start_line);
    if (*in.at != ' ') return in.stop(Http1Fault::bad_status);
    const char* start = ++in.at;
    in.at = skip_value(start, in.end);
    reason = {start, static_cast<size_t>(in.at - start)};
    return in.line_end(Http1Fault::bad_start_line);
}

// RFC 9110 6.4.1 and 9.3.6, RFC 9112 6.3.
bool is_bodiless(uint16_t status, Method request) {
    return request == Method::head || status < 200 || status == 204 || status == 304 ||
           (request == Method::connect && status < 300);
}

Http1Fault interpret(ResponseHead& head, Method request, const SeenFields& seen) {
    const BodyLength body = body_length(head.headers, seen, head.minor);
    if (body.fault != Http1Fault::none) return body.fault;
    head.keep_alive = connection_options(head.headers, seen, head.minor).keep_alive;
    head.upgrade = head.status == 101 && seen.has(Field::upgrade);
    head.framing = body.framing;
    head.length = body.length;
    if (is_bodiless(head.status, request)) {
        head.framing = Framing::none;
        head.length = 0;
    } else if (body.framing == Framing::none) {
        head.framing = Framing::until_close;
        head.keep_alive = false;
    }
    return Http1Fault::none;
}

}  // namespace

// Unlike before a request, an empty line is refused: bytes that no request asked for mean that both sides
// have lost count, and the next response could be somebody else's.
Parsed ResponseHead::parse(std::string_view bytes, const Http1Limits& limits, Method request, uint32_t& scanned) {
    if (!worth_parsing(bytes, limits, scanned)) {
        scanned = static_cast<uint32_t>(bytes.size());
        return {};
    }
    headers.clear();
    Cursor in(within(bytes, limits.head));
    SeenFields seen;
    const bool read = in.version(minor) && parse_status(in, status) && parse_reason(in, reason) &&
                      parse_fields(in, limits.headers, headers, seen);
    if (!read) return unfinished(in, bytes, limits, scanned);
    if (const Http1Fault wrong = interpret(*this, request, seen); wrong != Http1Fault::none) {
        return {.state = ParseState::bad, .fault = wrong};
    }
    scanned = 0;
    return {.state = ParseState::complete, .consumed = static_cast<uint32_t>(in.at - bytes.data())};
}

}  // namespace tl::codec
