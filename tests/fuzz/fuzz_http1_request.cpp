// Any bytes as a request's head: what is accepted lies inside of the input, does not depend on how the input
// was cut, and means the same once written and read again.
#include "codec/http1.h"
#include "fuzz_support.h"

namespace {

using namespace tl::codec;
using tl::fuzz::require;

void require_views_inside(const RequestHead& head, std::string_view bytes) {
    using tl::fuzz::inside;
    for (const std::string_view part : {head.method_text, head.target, head.scheme, head.authority, head.query}) {
        require(inside(part, bytes), "a view of the request line is outside of the input");
    }
    require(inside(head.path, bytes) || (head.form == TargetForm::absolute && head.path == "/"),
            "the path is outside of the input");
    for (const Header& header : head.headers) {
        require(inside(header.name, bytes) && inside(header.value, bytes), "a header is outside of the input");
        require(is_token(header.name) && is_field_value(header.value), "a header is not well formed");
        require(header.field == lookup_field(header.name), "a header has the wrong id");
    }
}

void require_same(const RequestHead& a, const RequestHead& b) {
    require(a.method == b.method && a.form == b.form && a.minor == b.minor, "the request line differs");
    require(a.method_text == b.method_text && a.target == b.target && a.scheme == b.scheme &&
                a.authority == b.authority && a.path == b.path && a.query == b.query,
            "the target differs");
    require(a.keep_alive == b.keep_alive && a.expect_continue == b.expect_continue && a.upgrade == b.upgrade,
            "the connection's fate differs");
    require(a.framing == b.framing && a.length == b.length, "the framing differs");
    require(a.headers.size() == b.headers.size(), "the number of headers differs");
    for (size_t i = 0; i < a.headers.size(); ++i) {
        require(a.headers[i].name == b.headers[i].name && a.headers[i].value == b.headers[i].value, "a header differs");
    }
}

void require_written_is_read_the_same(const RequestHead& head) {
    tl::base::Buffer out;
    write_request_line(out, head.method_text, head.target);
    write_headers(out, head.headers);
    write_end_of_head(out);
    Http1Limits wide;
    wide.head = 1U << 24;
    RequestHead again;
    uint32_t scanned = 0;
    const Parsed parsed = again.parse(out.view(), wide, scanned);
    require(parsed.state == ParseState::complete && parsed.consumed == out.size(), "what was written is not accepted");
    require_same(head, again);
}

void check(std::string_view bytes, const Http1Limits& limits, size_t most) {
    RequestHead whole;
    uint32_t scanned = 0;
    const Parsed answer = whole.parse(bytes, limits, scanned);
    if (answer.state == ParseState::complete) {
        require(answer.consumed <= bytes.size() && answer.consumed <= limits.head, "consumed more than there is");
        require(whole.headers.size() <= limits.headers && whole.target.size() <= limits.target, "a limit is broken");
        require_views_inside(whole, bytes.substr(0, answer.consumed));
        if (whole.minor == 1) require_written_is_read_the_same(whole);
    }
    require((answer.state == ParseState::bad) == (answer.fault != Http1Fault::none), "a fault without being bad");

    tl::fuzz::Cuts cuts(bytes, most);
    RequestHead parts;
    Parsed last;
    scanned = 0;
    for (size_t size = 0; size < bytes.size() && last.state == ParseState::need_more;) {
        size = std::min(bytes.size(), size + cuts.next());
        last = parts.parse(bytes.substr(0, size), limits, scanned);
    }
    // A fault may wait for the end of the head, but nothing else may be said instead.
    const bool waits = answer.state == ParseState::bad && last.state == ParseState::need_more;
    require(waits || (last.state == answer.state && last.fault == answer.fault && last.consumed == answer.consumed),
            "the answer depends on the cut");
    if (answer.state == ParseState::complete) require_same(whole, parts);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    check(bytes, Http1Limits{}, 40);
    check(bytes, {.head = 200, .headers = 5, .target = 40}, 3);
    return 0;
}
