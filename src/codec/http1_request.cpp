// A request's head: request line, target forms, Host.
#include <cstring>

#include "base/text.h"
#include "codec/http1_parse.h"
#include "codec/scan.h"

namespace tl::codec {

namespace {

constexpr int kMostEmptyLines = 2;

// RFC 9112 2.2: a client may have sent a stray CRLF behind its last body.
bool skip_empty_lines(Cursor& in) {
    for (int i = 0; i < kMostEmptyLines; ++i) {
        if (in.empty()) return false;
        if (*in.at != '\r') return true;
        if (!in.line_end(Http1Fault::bad_start_line)) return false;
    }
    return true;
}

bool parse_method(Cursor& in, RequestHead& head) {
    const char* start = in.at;
    const char* limit = start + std::min<ptrdiff_t>(in.end - start, kLongestMethod + 1);
    in.at = skip_class(kTokenChar, start, limit);
    if (static_cast<size_t>(in.at - start) > kLongestMethod) return in.fail(Http1Fault::bad_method);
    if (in.empty()) return false;
    if (*in.at == '\r') return in.stop(Http1Fault::bad_start_line);
    if (*in.at != ' ' || in.at == start) return in.stop(Http1Fault::bad_method);
    head.method_text = {start, static_cast<size_t>(in.at - start)};
    head.method = method_of(head.method_text);
    ++in.at;
    return true;
}

// "http://authority/path": nothing but the two schemes that a gateway can be asked for.
bool parse_absolute(RequestHead& head) {
    const std::string_view target = head.target;
    const size_t colon = target.find("://");
    if (colon != 4 && colon != 5) return false;
    head.scheme = target.substr(0, colon);
    if (!base::iequals(head.scheme, colon == 4 ? "http" : "https")) return false;
    const size_t start = colon + 3;
    const size_t stop = std::min(target.find_first_of("/?", start), target.size());
    head.form = TargetForm::absolute;
    head.authority = target.substr(start, stop - start);
    if (!is_valid_authority(head.authority)) return false;
    split_query(target.substr(stop), head);
    return true;
}

// CONNECT: host and port, both (RFC 9110 9.3.6).
bool parse_authority_form(RequestHead& head) {
    head.form = TargetForm::authority;
    head.authority = head.target;
    head.path = {};
    const size_t colon = head.target.rfind(':');
    return is_valid_authority(head.target) && colon != std::string_view::npos && head.target.back() != ']';
}

// RFC 9112 3.2: which form is allowed depends on the method.
bool resolve_target(RequestHead& head) {
    if (head.method == Method::connect) return parse_authority_form(head);
    if (head.target.front() == '/') [[likely]] {
        head.form = TargetForm::origin;
        split_query(head.target, head);
        return true;
    }
    if (head.target == "*") {
        head.form = TargetForm::asterisk;
        head.path = head.target;
        return head.method == Method::options;
    }
    return parse_absolute(head);
}

bool parse_target(Cursor& in, const Http1Limits& limits, RequestHead& head) {
    const char* start = in.at;
    const size_t most = std::min<size_t>(in.left(), size_t{limits.target} + 1);
    in.at = skip_target(start, start + most);
    const auto size = static_cast<size_t>(in.at - start);
    if (size > limits.target) return in.fail(Http1Fault::target_too_long);
    if (in.empty()) return false;
    if (size == 0 && (*in.at == ' ' || *in.at == '\r')) return in.stop(Http1Fault::bad_start_line);
    // A line that ends here is a request of HTTP/0.9.
    if (*in.at == '\r') return in.stop(Http1Fault::bad_version);
    if (*in.at != ' ') return in.stop(Http1Fault::bad_target);
    head.target = {start, size};
    ++in.at;
    return resolve_target(head) || in.fail(Http1Fault::bad_target);
}

// Exactly one valid Host (none is allowed in HTTP/1.0). An authority in the target wins over it (RFC
// 9112 3.2.2).
Http1Fault check_host(RequestHead& head, const SeenFields& seen) {
    if (!seen.has(Field::host)) return head.minor == 1 ? Http1Fault::missing_host : Http1Fault::none;
    if (seen.repeated(Field::host)) return Http1Fault::several_hosts;
    const std::string_view host = head.headers.value(Field::host);
    if (!is_valid_authority(host)) return Http1Fault::bad_host;
    if (head.authority.empty()) head.authority = host;
    return Http1Fault::none;
}

// What the fields mean for this message.
Http1Fault interpret(RequestHead& head, const SeenFields& seen) {
    if (const Http1Fault fault = check_host(head, seen); fault != Http1Fault::none) return fault;
    const BodyLength body = body_length(head.headers, seen, head.minor);
    head.framing = body.framing;
    head.length = body.length;
    const ConnectionOptions options = connection_options(head.headers, seen, head.minor);
    head.keep_alive = options.keep_alive;
    head.upgrade = options.upgrade && seen.has(Field::upgrade);
    // RFC 9110 10.1.1: from an HTTP/1.0 client the expectation is ignored.
    head.expect_continue =
        seen.has(Field::expect) && head.minor == 1 && base::iequals(head.headers.value(Field::expect), "100-continue");
    return body.fault;
}

void reset(RequestHead& head) {
    head.scheme = head.authority = head.query = {};
    head.headers.clear();
}

}  // namespace

Method method_of(std::string_view text) {
    switch (text.size()) {
        case 3:
            if (text == "GET") return Method::get;
            return text == "PUT" ? Method::put : Method::other;
        case 4:
            if (text == "POST") return Method::post;
            return text == "HEAD" ? Method::head : Method::other;
        case 5:
            if (text == "PATCH") return Method::patch;
            return text == "TRACE" ? Method::trace : Method::other;
        case 6: return text == "DELETE" ? Method::delete_ : Method::other;
        case 7:
            if (text == "OPTIONS") return Method::options;
            return text == "CONNECT" ? Method::connect : Method::other;
        default: return Method::other;
    }
}

void split_query(std::string_view path_and_query, RequestHead& head) {
    const size_t mark = path_and_query.find('?');
    if (mark == std::string_view::npos) {
        head.path = path_and_query;
    } else {
        head.path = path_and_query.substr(0, mark);
        head.query = path_and_query.substr(mark + 1);
    }
    if (head.path.empty()) head.path = "/";
}

Parsed RequestHead::parse(std::string_view bytes, const Http1Limits& limits, uint32_t& scanned) {
    if (!worth_parsing(bytes, limits, scanned)) {
        scanned = static_cast<uint32_t>(bytes.size());
        return {};
    }
    reset(*this);
    Cursor in(within(bytes, limits.head));
    SeenFields seen;
    const bool read = skip_empty_lines(in) && parse_method(in, *this) && parse_target(in, limits, *this) &&
                      in.version(minor) && in.line_end(Http1Fault::bad_start_line) &&
                      parse_fields(in, limits.headers, headers, seen);
    if (!read) return unfinished(in, bytes, limits, scanned);
    if (const Http1Fault wrong = interpret(*this, seen); wrong != Http1Fault::none) {
        return {.state = ParseState::bad, .fault = wrong};
    }
    scanned = 0;
    return {.state = ParseState::complete, .consumed = static_cast<uint32_t>(in.at - bytes.data())};
}

}  // namespace tl::codec
