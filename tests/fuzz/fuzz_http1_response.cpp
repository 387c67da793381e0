// Any bytes as a response's head, to each kind of request: as fuzz_http1_request.
#include "codec/http1.h"
#include "fuzz_support.h"

namespace {

using namespace tl::codec;
using tl::fuzz::require;

void require_sound(const ResponseHead& head, std::string_view bytes) {
    using tl::fuzz::inside;
    require(head.status >= 100 && head.status <= 599, "the status is out of range");
    require(inside(head.reason, bytes) && is_field_value(head.reason), "the reason is not well formed");
    for (const Header& header : head.headers) {
        require(inside(header.name, bytes) && inside(header.value, bytes), "a header is outside of the input");
        require(is_token(header.name) && is_field_value(header.value), "a header is not well formed");
    }
    require(head.framing != Framing::until_close || !head.keep_alive, "kept alive without an end");
}

void require_same(const ResponseHead& a, const ResponseHead& b) {
    require(a.status == b.status && a.reason == b.reason && a.minor == b.minor, "the status line differs");
    require(a.keep_alive == b.keep_alive && a.upgrade == b.upgrade, "the connection's fate differs");
    require(a.framing == b.framing && a.length == b.length, "the framing differs");
    require(a.headers.size() == b.headers.size(), "the number of headers differs");
    for (size_t i = 0; i < a.headers.size(); ++i) {
        require(a.headers[i].name == b.headers[i].name && a.headers[i].value == b.headers[i].value, "a header differs");
    }
}

void require_written_is_read_the_same(const ResponseHead& head, Method request) {
    tl::base::Buffer out;
    write_status_line(out, head.status, head.reason);
    write_headers(out, head.headers);
    write_end_of_head(out);
    Http1Limits wide;
    wide.head = 1U << 24;
    ResponseHead again;
    uint32_t scanned = 0;
    const Parsed parsed = again.parse(out.view(), wide, request, scanned);
    require(parsed.state == ParseState::complete && parsed.consumed == out.size(), "what was written is not accepted");
    require_same(head, again);
}

void check(std::string_view bytes, const Http1Limits& limits, Method request, size_t most) {
    ResponseHead whole;
    uint32_t scanned = 0;
    const Parsed answer = whole.parse(bytes, limits, request, scanned);
    if (answer.state == ParseState::complete) {
        require(answer.consumed <= bytes.size() && answer.consumed <= limits.head, "consumed more than there is");
        require_sound(whole, bytes.substr(0, answer.consumed));
        if (whole.minor == 1) require_written_is_read_the_same(whole, request);
    }
    tl::fuzz::Cuts cuts(bytes, most);
    ResponseHead parts;
    Parsed last;
    scanned = 0;
    for (size_t size = 0; size < bytes.size() && last.state == ParseState::need_more;) {
        size = std::min(bytes.size(), size + cuts.next());
        last = parts.parse(bytes.substr(0, size), limits, request, scanned);
    }
    const bool waits = answer.state == ParseState::bad && last.state == ParseState::need_more;
    require(waits || (last.state == answer.state && last.fault == answer.fault && last.consumed == answer.consumed),
            "the answer depends on the cut");
    if (answer.state == ParseState::complete) require_same(whole, parts);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    check(bytes, Http1Limits{}, Method::get, 40);
    check(bytes, {.head = 200, .headers = 5}, Method::connect, 3);
    check(bytes, Http1Limits{}, Method::head, 9);
    return 0;
}
