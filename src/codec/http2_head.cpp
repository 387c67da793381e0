#include "codec/http2_head.h"

#include <algorithm>

#include "base/text.h"
#include "codec/http1_parse.h"
#include "codec/scan.h"

namespace tl::codec {

namespace {

constexpr uint64_t kOverheadPerField = 32;

bool is_lower_case(std::string_view name) {
    for (const char c : name) {
        if (c >= 'A' && c <= 'Z') return false;
    }
    return true;
}

bool is_padded(std::string_view value) {
    const auto blank = [](char c) { return c == ' ' || c == '\t'; };
    return !value.empty() && (blank(value.front()) || blank(value.back()));
}

// RFC 9113 8.2.3: crumbs of a cookie are one field for whoever does not speak HTTP/2.
void join_cookies(HeaderTable& headers, base::Arena& arena) {
    if (headers.count(Field::cookie) < 2) return;
    constexpr std::string_view kBetween = "; ";
    size_t size = 0;
    for (const Header& header : headers) {
        if (header.field == Field::cookie) size += header.value.size() + kBetween.size();
    }
    char* const begin = arena.allocate(size);
    char* at = begin;
    for (const Header& header : headers) {
        if (header.field != Field::cookie) continue;
        if (at != begin) at = std::ranges::copy(kBetween, at).out;
        at = std::ranges::copy(header.value, at).out;
    }
    headers.set(Field::cookie, {begin, static_cast<size_t>(at - begin)});
}

Http1Fault frame(const HeaderTable& headers, bool ended, Framing& framing, uint64_t& length) {
    const size_t lengths = headers.count(Field::content_length);
    if (lengths > 1) return Http1Fault::conflicting_lengths;
    if (lengths == 1) {
        if (!parse_length(headers.value(Field::content_length), length)) return Http1Fault::bad_length;
        framing = Framing::length;
        // A body that ends before it begins: nobody would agree on where the next message starts.
        return ended && length > 0 ? Http1Fault::bad_length : Http1Fault::none;
    }
    framing = ended ? Framing::none : Framing::chunked;  // as long as it is
    return Http1Fault::none;
}

// RFC 9113 8.3.1: the authority stands in its pseudo-field, in Host, or in both alike.
Http1Fault find_authority(const Http2Section& section, RequestHead& head) {
    const size_t hosts = head.headers.count(Field::host);
    if (hosts > 1) return Http1Fault::several_hosts;
    const std::string_view host = head.headers.value(Field::host);
    head.authority = section.authority.empty() ? host : section.authority;
    if (head.authority.empty()) return Http1Fault::missing_host;
    if (hosts == 1 && !base::iequals(host, head.authority)) return Http1Fault::several_hosts;
    return is_valid_authority(head.authority) ? Http1Fault::none : Http1Fault::bad_host;
}

Http1Fault find_target(const Http2Section& section, RequestHead& head) {
    if (head.method == Method::connect) {
        head.form = TargetForm::authority;
        head.target = section.authority;
        head.path = {};
        return section.authority.find(':') == std::string_view::npos ? Http1Fault::bad_target : Http1Fault::none;
    }
    if (!base::iequals(section.scheme, "http") && !base::iequals(section.scheme, "https")) {
        return Http1Fault::bad_target;
    }
    head.target = section.path;
    if (section.path == "*") {
        head.form = TargetForm::asterisk;
        head.path = head.target;
        return head.method == Method::options ? Http1Fault::none : Http1Fault::bad_target;
    }
    const char* const end = section.path.data() + section.path.size();
    if (!section.path.starts_with('/') || skip_target(section.path.data(), end) != end) return Http1Fault::bad_target;
    head.form = TargetForm::origin;
    split_query(section.path, head);
    return Http1Fault::none;
}

// RFC 8441 5: CONNECT with :protocol is the handshake that HTTP/1 makes by GET and Upgrade.
void become_upgrade(const Http2Section& section, RequestHead& head) {
    head.method = Method::get;
    head.method_text = to_string(Method::get);
    head.upgrade = true;
    head.headers.add(Field::upgrade, section.protocol);
}

}  // namespace

void Http2Section::add_pseudo(std::string_view name, std::string_view value, const Http1Limits& limits) {
    if (name == ":path" && value.size() > limits.target) {
        fault_ = Http1Fault::target_too_long;
        return;
    }
    const std::string_view kept = arena_->copy(value);
    if (name == ":method") method = kept;
    if (name == ":scheme") scheme = kept;
    if (name == ":authority") authority = kept;
    if (name == ":path") path = kept;
    if (name == ":protocol") protocol = kept;
    if (name == ":status") status = kept;
}

void Http2Section::add(std::string_view name, std::string_view value, const Http1Limits& limits, HeaderTable& headers) {
    size_ += name.size() + value.size() + kOverheadPerField;
    if (fault_ != Http1Fault::none) return;
    if (size_ > limits.head) {
        fault_ = Http1Fault::head_too_large;
    } else if (name.starts_with(':')) {
        add_pseudo(name, value, limits);
    } else if (lines_++ == limits.headers) {
        fault_ = Http1Fault::too_many_headers;
    } else if (!is_token(name) || !is_lower_case(name)) {
        fault_ = Http1Fault::bad_header_name;
    } else if (!is_field_value(value) || is_padded(value)) {
        fault_ = Http1Fault::bad_header_value;
    } else {
        const Field field = lookup_field(name);
        const std::string_view kept = field == Field::other ? arena_->copy(name) : name_of(field);
        headers.push({kept, arena_->copy(value), field});
    }
}

Http1Fault complete_request(Http2Section& section, bool ended, const Http1Limits& limits, base::Arena& arena,
                            RequestHead& head) {
    if (section.fault() != Http1Fault::none) return section.fault();
    if (section.method.empty() || section.method.size() > kLongestMethod || !is_token(section.method)) {
        return Http1Fault::bad_method;
    }
    const bool extended = section.method == "CONNECT" && !section.protocol.empty();
    head.method_text = section.method;
    head.method = method_of(section.method);
    head.minor = 1;
    head.keep_alive = true;
    if (extended) become_upgrade(section, head);
    if (section.path.size() > limits.target) return Http1Fault::target_too_long;
    if (const Http1Fault fault = find_authority(section, head); fault != Http1Fault::none) return fault;
    if (const Http1Fault fault = find_target(section, head); fault != Http1Fault::none) return fault;
    if (const Http1Fault fault = frame(head.headers, ended, head.framing, head.length); fault != Http1Fault::none) {
        return fault;
    }
    if (extended) head.framing = Framing::none;
    if (extended && !is_token(section.protocol)) return Http1Fault::bad_header_value;
    for (const Header& header : head.headers) {
        if (header.field != Field::upgrade && is_connection_specific(header)) return Http1Fault::bad_header_name;
    }
    head.expect_continue = base::iequals(head.headers.value(Field::expect), "100-continue");
    join_cookies(head.headers, arena);
    return Http1Fault::none;
}

Http1Fault complete_response(const Http2Section& section, bool ended, Method request, ResponseHead& head) {
    if (section.fault() != Http1Fault::none) return section.fault();
    const std::string_view status = section.status;
    const bool digits =
        status.size() == 3 && status[0] >= '1' && status[0] <= '5' && is_digit(status[1]) && is_digit(status[2]);
    if (!digits) return Http1Fault::bad_status;
    head.status = static_cast<uint16_t>((status[0] - '0') * 100 + (status[1] - '0') * 10 + (status[2] - '0'));
    // 101 does not exist here (RFC 9113 8.6).
    if (head.status == 101) return Http1Fault::bad_status;
    for (const Header& header : head.headers) {
        if (is_connection_specific(header)) return Http1Fault::bad_header_name;
    }
    const bool no_body = request == Method::head || head.status < 200 || head.status == 204 || head.status == 304;
    const Http1Fault fault = frame(head.headers, ended && !no_body, head.framing, head.length);
    if (fault == Http1Fault::none && no_body) head.framing = Framing::none;
    return fault;
}

Http1Fault check_trailers(const Http2Section& section, const HeaderTable& trailers) {
    if (section.fault() != Http1Fault::none) return section.fault();
    for (const Header& trailer : trailers) {
        if (is_forbidden_trailer(trailer)) return Http1Fault::bad_trailer;
    }
    return Http1Fault::none;
}

bool is_connection_specific(const Header& header) {
    switch (header.field) {
        case Field::connection:
        case Field::keep_alive:
        case Field::proxy_connection:
        case Field::transfer_encoding:
        case Field::upgrade: return true;
        case Field::te: return !base::iequals(header.value, "trailers");
        default: return false;
    }
}

}  // namespace tl::codec
