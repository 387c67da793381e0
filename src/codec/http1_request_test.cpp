#include "codec/http1.h"

#include <chrono>
#include <gtest/gtest.h>
#include <string>
#include <vector>

namespace tl::codec {

namespace {

using F = Http1Fault;

Http1Limits small_limits() {
    Http1Limits limits;
    limits.head = 1024;
    limits.headers = 8;
    limits.target = 64;
    return limits;
}

struct Outcome {
    Parsed parsed;
    RequestHead head;
};

Outcome parse(std::string_view bytes, const Http1Limits& limits = small_limits()) {
    Outcome outcome;
    uint32_t scanned = 0;
    outcome.parsed = outcome.head.parse(bytes, limits, scanned);
    return outcome;
}

// "GET / HTTP/1.1", Host, then these lines and the blank one.
std::string with_fields(std::string_view fields) {
    return "GET / HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n";
}

// The head as a comparable text: everything that a caller can see of it.
std::string print(const RequestHead& head) {
    std::string out;
    for (const std::string_view part :
         {head.method_text, head.target, head.scheme, head.authority, head.path, head.query}) {
        out.append(part).append("|");
    }
    for (const uint64_t number :
         {uint64_t{static_cast<uint8_t>(head.method)}, uint64_t{static_cast<uint8_t>(head.form)},
          uint64_t{head.minor}, uint64_t{head.keep_alive}, uint64_t{head.expect_continue},
          uint64_t{head.upgrade}, uint64_t{static_cast<uint8_t>(head.framing)}, head.length}) {
        out += std::to_string(number) + "|";
    }
    for (const Header& header : head.headers) {
        out.append(header.name).append("=").append(header.value).append(";");
        out += std::to_string(static_cast<int>(header.field));
    }
    return out;
}

// Every prefix, each parsed afresh, and the same fed as one growing message: "need more" or the final answer,
// never another one; and never "need more" for the whole.
void expect_same_at_every_split(std::string_view bytes, const Http1Limits& limits = small_limits()) {
    const Outcome whole = parse(bytes, limits);
    ASSERT_NE(whole.parsed.state, ParseState::need_more) << bytes;
    RequestHead dripping;
    uint32_t scanned = 0;
    bool answered = false;
    for (size_t size = 0; size <= bytes.size(); ++size) {
        const Outcome part = parse(bytes.substr(0, size), limits);
        if (part.parsed.state != ParseState::need_more) {
            ASSERT_EQ(part.parsed.fault, whole.parsed.fault) << bytes << " at " << size;
            ASSERT_EQ(part.parsed.state, whole.parsed.state) << bytes << " at " << size;
            ASSERT_EQ(part.parsed.consumed, whole.parsed.consumed) << bytes << " at " << size;
            if (whole.parsed.state == ParseState::complete) ASSERT_EQ(print(part.head), print(whole.head));
        }
        if (answered) continue;
        const Parsed step = dripping.parse(bytes.substr(0, size), limits, scanned);
        if (step.state == ParseState::need_more) continue;
        answered = true;
        ASSERT_EQ(step.fault, whole.parsed.fault) << bytes << " dripping, at " << size;
        ASSERT_EQ(step.consumed, whole.parsed.consumed) << bytes << " dripping, at " << size;
        if (step.state == ParseState::complete) ASSERT_EQ(print(dripping), print(whole.head));
    }
    // A fault that no later byte can change may wait for the head to end, but a whole head is always
    // answered.
    ASSERT_TRUE(answered || whole.parsed.state == ParseState::bad) << bytes;
}

struct Bad {
    std::string bytes;
    Http1Fault fault;
};

std::vector<Bad> bad_start_lines() {
    const std::string rest = "\r\nHost: a\r\n\r\n";
    const auto line = [&rest](std::string_view text) { return std::string(text) + rest; };
    return {
        {line("\r\n\r\n\r\nGET / HTTP/1.1"), F::bad_start_line},
        {line(" GET / HTTP/1.1"), F::bad_method},
        {line("\tGET / HTTP/1.1"), F::bad_method},
        {line("G@T / HTTP/1.1"), F::bad_method},
        {line("GET\t/ HTTP/1.1"), F::bad_method},
        {line("G\x80T / HTTP/1.1"), F::bad_method},
        {line("\x16\x03\x01\x02 / HTTP/1.1"), F::bad_method},  // TLS on a plain port
        {line(std::string(33, 'M') + " / HTTP/1.1"), F::bad_method},
        {line("GET"), F::bad_start_line},
        {line("GET "), F::bad_start_line},
        {line("GET /"), F::bad_version},
        {line("GET  / HTTP/1.1"), F::bad_start_line},
        {line("GET /  HTTP/1.1"), F::bad_start_line},
        {line("GET / HTTP/1.1 "), F::bad_start_line},
        {line("GET / HTTP/1.1\t"), F::bad_start_line},
        {line("GET / b HTTP/1.1"), F::bad_start_line},
        {line("GET / http/1.1"), F::bad_start_line},
        {line("GET / HTP/1.1"), F::bad_start_line},
        {line("GET / HTTP/0.9"), F::bad_version},
        {line("GET / HTTP/1.2"), F::bad_version},
        {line("GET / HTTP/2.0"), F::bad_version},
        {line("GET / HTTP/11"), F::bad_version},
        {line("GET / HTTP/1.10"), F::bad_version},
        {line("GET / HTTP/1"), F::bad_version},
        {line("GET / HTTP/1.x"), F::bad_version},
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", F::bad_target},
        {line("GET /\x01 HTTP/1.1"), F::bad_target},
        {line("GET /\x7f HTTP/1.1"), F::bad_target},
        {line("GET /a\tb HTTP/1.1"), F::bad_target},
        {line("GET /caf\xc3\xa9 HTTP/1.1"), F::bad_target},
        {line("GET /a#b HTTP/1.1"), F::bad_target},
        {line(std::string("GET /\0 HTTP/1.1", 15)), F::bad_target},
        {line("GET a HTTP/1.1"), F::bad_target},
        {line("GET a:80 HTTP/1.1"), F::bad_target},
        {line("GET * HTTP/1.1"), F::bad_target},
        {line("OPTIONS ** HTTP/1.1"), F::bad_target},
        {line("GET ftp://a/ HTTP/1.1"), F::bad_target},
        {line("GET http:/a/ HTTP/1.1"), F::bad_target},
        {line("GET http:///x HTTP/1.1"), F::bad_target},
        {line("GET http://u@a/ HTTP/1.1"), F::bad_target},
        {line("GET http://a:99999/ HTTP/1.1"), F::bad_target},
        {line("GET httpx://a/ HTTP/1.1"), F::bad_target},
        {line("CONNECT a HTTP/1.1"), F::bad_target},
        {line("CONNECT a: HTTP/1.1"), F::bad_target},
        {line("CONNECT :80 HTTP/1.1"), F::bad_target},
        {line("CONNECT [::1] HTTP/1.1"), F::bad_target},
        {line("CONNECT / HTTP/1.1"), F::bad_target},
        {line("CONNECT http://a/ HTTP/1.1"), F::bad_target},
        {line("GET /" + std::string(64, 'x') + " HTTP/1.1"), F::target_too_long},
        {"GET / HTTP/1.1\nHost: a\n\n", F::bare_lf},
        {"GET / HTTP/1.1\nHost: a\r\n\r\n", F::bare_lf},
        {"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", F::bare_lf},
        {"GET /\nHost: a\r\n\r\n", F::bare_lf},
        {"GET\n / HTTP/1.1\r\n\r\n", F::bare_lf},
        {"GET / HTTP\n", F::bare_lf},
        {"GET / HTTP/1.1\rHost: a\r\n\r\n", F::bare_cr},
        {"GET /\rX HTTP/1.1\r\n\r\n", F::bare_cr},
        {"\rGET / HTTP/1.1\r\n\r\n", F::bare_cr},
        {"GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", F::bare_cr},
    };
}

std::vector<Bad> bad_fields() {
    const auto nul = [](std::string_view before, std::string_view after) {
        return std::string(before) + '\0' + std::string(after);
    };
    return {
        {with_fields("X: a\nY: b\r\n"), F::bare_lf},
        {with_fields("X: a\n\r\n"), F::bare_lf},
        {with_fields("\nX: a\r\n"), F::bare_lf},
        {with_fields("X\n: a\r\n"), F::bare_lf},
        {"GET / HTTP/1.1\r\nHost: a\r\n\nGET /admin HTTP/1.1\r\n\r\n", F::bare_lf},
        {with_fields("X: a\rY: b\r\n"), F::bare_cr},
        {with_fields("X: a\r\r\n"), F::bare_cr},
        {with_fields("X\r: a\r\n"), F::bare_cr},
        {with_fields("\rX: a\r\n"), F::bare_cr},
        {with_fields("X: a\r\n b\r\n"), F::obs_fold},
        {with_fields("X: a\r\n\tb\r\n"), F::obs_fold},
        {with_fields("X: a\r\n \r\n"), F::obs_fold},
        {"GET / HTTP/1.1\r\n Host: a\r\n\r\n", F::obs_fold},
        {with_fields("X : a\r\n"), F::space_before_colon},
        {with_fields("X\t: a\r\n"), F::space_before_colon},
        {with_fields("X \t : a\r\n"), F::space_before_colon},
        {with_fields("X y: a\r\n"), F::bad_header_name},
        {with_fields(": a\r\n"), F::bad_header_name},
        {with_fields("X\r\n"), F::bad_header_name},
        {with_fields("X(y): a\r\n"), F::bad_header_name},
        {with_fields("\"X\": a\r\n"), F::bad_header_name},
        {with_fields("\x0bX: a\r\n"), F::bad_header_name},
        {with_fields("X\x80: a\r\n"), F::bad_header_name},
        {with_fields("A-name-of-more-than-sixteen-bytes\x7f: a\r\n"), F::bad_header_name},
        {with_fields(nul("X", ": a\r\n")), F::bad_header_name},
        {with_fields(nul("X: a", "b\r\n")), F::bad_header_value},
        {with_fields(nul("X: ", "\r\n")), F::bad_header_value},
        {with_fields("X: a\x7f\r\n"), F::bad_header_value},
        {with_fields("X: \x01\r\n"), F::bad_header_value},
        {with_fields("X: 0123456789abcdef0123456789\x1f\r\n"), F::bad_header_value},
        {with_fields("X: a\x0b\r\n"), F::bad_header_value},
        {with_fields("X: a\x0c b\r\n"), F::bad_header_value},
        {with_fields("1:\r\n2:\r\n3:\r\n4:\r\n5:\r\n6:\r\n7:\r\n8:\r\n"), F::too_many_headers},
        {with_fields("X: " + std::string(1100, 'x') + "\r\n"), F::head_too_large},
    };
}

std::vector<Bad> bad_hosts() {
    const auto host = [](std::string_view value) {
        return "GET / HTTP/1.1\r\nHost:" + std::string(value) + "\r\n\r\n";
    };
    return {
        {"GET / HTTP/1.1\r\n\r\n", F::missing_host},
        {"GET http://a/ HTTP/1.1\r\n\r\n", F::missing_host},
        {"OPTIONS * HTTP/1.1\r\nX: y\r\n\r\n", F::missing_host},
        {with_fields("Host: a\r\n"), F::several_hosts},
        {with_fields("hOST: b\r\n"), F::several_hosts},
        {"GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", F::several_hosts},
        {"GET http://a/ HTTP/1.1\r\nHost: a b\r\n\r\n", F::bad_host},
        {"GET / HTTP/1.0\r\nHost: a/b\r\n\r\n", F::bad_host},
        {host(""), F::bad_host},
        {host(" :80"), F::bad_host},
        {host(" a b"), F::bad_host},
        {host(" a, b"), F::bad_host},
        {host(" u@a"), F::bad_host},
        {host(" a/b"), F::bad_host},
        {host(" a?b"), F::bad_host},
        {host(" a:"), F::bad_host},
        {host(" a:80:80"), F::bad_host},
        {host(" a:65536"), F::bad_host},
        {host(" a:-1"), F::bad_host},
        {host(" a:8o"), F::bad_host},
        {host(" ::1"), F::bad_host},
        {host(" [::1"), F::bad_host},
        {host(" [::1]x"), F::bad_host},
        {host(" [::g]"), F::bad_host},
        {host(" []"), F::bad_host},
        {host(" [fe80::1%25eth0]"), F::bad_host},
        {host(" a%2"), F::bad_host},
        {host(" a%zz"), F::bad_host},
        {host(" caf\xc3\xa9"), F::bad_host},
        {host(" http://a"), F::bad_host},
    };
}

// What is known to make two parsers disagree about where a message ends.
std::vector<Bad> smuggling() {
    const auto post = [](std::string_view fields) {
        return "POST / HTTP/1.1\r\nHost: a\r\n" + std::string(fields) +
               "\r\n0\r\n\r\nGET /admin HTTP/1.1\r\n\r\n";
    };
    return {
        {post("Content-Length: 6\r\nTransfer-Encoding: chunked\r\n"), F::length_and_encoding},  // CL.TE
        {post("Transfer-Encoding: chunked\r\nContent-Length: 6\r\n"), F::length_and_encoding},  // TE.CL
        {post("transfer-encoding: CHUNKED\r\ncontent-length: 6\r\n"), F::length_and_encoding},
        {post("Transfer-Encoding: xchunked\r\n"), F::bad_encoding},
        {post("Transfer-Encoding: chunkedx\r\n"), F::bad_encoding},
        {post("Transfer-Encoding: chunked, chunked\r\n"), F::bad_encoding},
        {post("Transfer-Encoding: chunked,\r\n"), F::bad_encoding},
        {post("Transfer-Encoding: ,chunked\r\n"), F::bad_encoding},
        {post("Transfer-Encoding: gzip, chunked\r\n"), F::bad_encoding},
        {post("Transfer-Encoding: chunked, identity\r\n"), F::bad_encoding},
        {post("Transfer-Encoding: identity\r\n"), F::bad_encoding},
        {post("Transfer-Encoding: gzip\r\n"), F::bad_encoding},
        {post("Transfer-Encoding:\r\n"), F::bad_encoding},
        {post("Transfer-Encoding: \"chunked\"\r\n"), F::bad_encoding},
        {post("Transfer-Encoding: chunked;q=1\r\n"), F::bad_encoding},
        {post("Transfer-Encoding: chun ked\r\n"), F::bad_encoding},
        {post("Transfer-Encoding: cow\r\nTransfer-Encoding: chunked\r\n"), F::bad_encoding},
        {post("Transfer-Encoding: chunked\r\nTransfer-encoding: x\r\n"), F::bad_encoding},
        {post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), F::bad_encoding},
        {post("Content-Length: 6\r\nTransfer-Encoding: xchunked\r\n"), F::bad_encoding},
        {post("Transfer-Encoding : chunked\r\n"), F::space_before_colon},
        {post("Transfer-Encoding\t: chunked\r\n"), F::space_before_colon},
        {post("Transfer-Encoding: \x0b"
              "chunked\r\n"),
         F::bad_header_value},
        {post("Transfer-Encoding:\x0c"
              "chunked\r\n"),
         F::bad_header_value},
        {post(std::string("Transfer-Encoding: chunked\0\r\n", 29)), F::bad_header_value},
        {post("Transfer-Encoding:\r\n chunked\r\n"), F::obs_fold},
        {post("Transfer-Encoding\r\n : chunked\r\n"), F::bad_header_name},
        {post(" Transfer-Encoding: chunked\r\n"), F::obs_fold},
        {post("\x0bTransfer-Encoding: chunked\r\n"), F::bad_header_name},
        {post("X: y\nTransfer-Encoding: chunked\r\n"), F::bare_lf},
        {post("X: y\rTransfer-Encoding: chunked\r\n"), F::bare_cr},
        {post("Transfer-Encoding: chunked\n"), F::bare_lf},
        {"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", F::bad_encoding},
        {post("Content-Length: 5\r\nContent-Length: 6\r\n"), F::conflicting_lengths},
        {post("Content-Length: 5\r\nContent-Length: 5\r\n"), F::conflicting_lengths},
        {post("Content-Length: 5\r\ncontent-length: 5\r\n"), F::conflicting_lengths},
        {post("Content-Length: 5, 5\r\n"), F::bad_length},
        {post("Content-Length: 5,6\r\n"), F::bad_length},
        {post("Content-Length: +5\r\n"), F::bad_length},
        {post("Content-Length: -5\r\n"), F::bad_length},
        {post("Content-Length: 0x5\r\n"), F::bad_length},
        {post("Content-Length: 5 6\r\n"), F::bad_length},
        {post("Content-Length: 5.0\r\n"), F::bad_length},
        {post("Content-Length: 5e1\r\n"), F::bad_length},
        {post("Content-Length: five\r\n"), F::bad_length},
        {post("Content-Length:\r\n"), F::bad_length},
        {post("Content-Length: \"5\"\r\n"), F::bad_length},
        {post("Content-Length: 9223372036854775808\r\n"), F::bad_length},
        {post("Content-Length: 18446744073709551621\r\n"), F::bad_length},
        {post("Content-Length: 00000000000000000005\r\n"), F::bad_length},
        {post("Content-Length : 5\r\n"), F::space_before_colon},
    };
}

void expect_faults(const std::vector<Bad>& cases) {
    for (const Bad& bad : cases) {
        const Outcome outcome = parse(bad.bytes);
        EXPECT_EQ(outcome.parsed.state, ParseState::bad) << bad.bytes;
        EXPECT_EQ(describe(outcome.parsed.fault), describe(bad.fault)) << bad.bytes;
        // With more behind it the same lines are read 16 bytes at a time.
        EXPECT_EQ(describe(parse(bad.bytes + std::string(64, 'z')).parsed.fault), describe(bad.fault))
            << bad.bytes;
        expect_same_at_every_split(bad.bytes);
    }
}

}  // namespace

TEST(Http1Request, a_broken_request_line_is_refused_with_its_fault) { expect_faults(bad_start_lines()); }
TEST(Http1Request, a_broken_field_line_is_refused_with_its_fault) { expect_faults(bad_fields()); }
TEST(Http1Request, a_missing_repeated_or_invalid_host_is_refused) { expect_faults(bad_hosts()); }
TEST(Http1Request, whatever_two_parsers_could_frame_differently_is_refused) { expect_faults(smuggling()); }

TEST(Http1Request, a_browsers_request_is_taken_apart) {
    const std::string bytes =
        "\r\nGET /shop/items?page=2&q=a%20b? HTTP/1.1\r\nHost: shop.example:8080\r\nUser-Agent:Mozilla/5.0 "
        "(X11)\r\n"
        "accept: \t text/html , */* \t\r\nCookie: a=b; c=\xc3\xa9\r\nX-Empty:\r\nX-Tab: a\tb\r\n\r\nrest";
    const Outcome got = parse(bytes);
    ASSERT_EQ(got.parsed.state, ParseState::complete) << describe(got.parsed.fault);
    EXPECT_EQ(got.parsed.consumed, bytes.size() - 4);
    EXPECT_EQ(got.head.method, Method::get);
    EXPECT_EQ(got.head.method_text, "GET");
    EXPECT_EQ(got.head.target, "/shop/items?page=2&q=a%20b?");
    EXPECT_EQ(got.head.path, "/shop/items");
    EXPECT_EQ(got.head.query, "page=2&q=a%20b?");
    EXPECT_EQ(got.head.authority, "shop.example:8080");
    EXPECT_EQ(got.head.framing, Framing::none);
    EXPECT_TRUE(got.head.keep_alive);
    ASSERT_EQ(got.head.headers.size(), 6U);
    EXPECT_EQ(got.head.headers.value(Field::user_agent), "Mozilla/5.0 (X11)");
    EXPECT_EQ(got.head.headers.value(Field::accept), "text/html , */*");
    EXPECT_EQ(got.head.headers[2].name, "accept");
    EXPECT_EQ(got.head.headers.value(Field::cookie), "a=b; c=\xc3\xa9");
    EXPECT_EQ(got.head.headers.find("x-empty")->value, "");
    EXPECT_EQ(got.head.headers.find("X-TAB")->value, "a\tb");
    expect_same_at_every_split(bytes);
}

TEST(Http1Request, each_target_form_gives_authority_path_and_query) {
    struct Case {
        std::string line;
        TargetForm form;
        std::string_view authority, path, query, scheme;
    };
    const std::vector<Case> cases{
        {"GET / HTTP/1.1", TargetForm::origin, "h", "/", "", ""},
        {"GET /? HTTP/1.1", TargetForm::origin, "h", "/", "", ""},
        {"GET //x/y?a?b HTTP/1.1", TargetForm::origin, "h", "//x/y", "a?b", ""},
        {"GET /http://x/ HTTP/1.1", TargetForm::origin, "h", "/http://x/", "", ""},
        {"GET /{a}|\"<>\\^` HTTP/1.1", TargetForm::origin, "h", "/{a}|\"<>\\^`", "", ""},
        {"GET http://x HTTP/1.1", TargetForm::absolute, "x", "/", "", "http"},
        {"GET HTTPS://x:8443?q HTTP/1.1", TargetForm::absolute, "x:8443", "/", "q", "HTTPS"},
        {"GET http://[::1]:80/p?q HTTP/1.1", TargetForm::absolute, "[::1]:80", "/p", "q", "http"},
        {"CONNECT x:443 HTTP/1.1", TargetForm::authority, "x:443", "", "", ""},
        {"CONNECT [::1]:443 HTTP/1.1", TargetForm::authority, "[::1]:443", "", "", ""},
        {"OPTIONS * HTTP/1.1", TargetForm::asterisk, "h", "*", "", ""},
        {"M-SEARCH /x HTTP/1.1", TargetForm::origin, "h", "/x", "", ""},
    };
    for (const Case& wanted : cases) {
        const std::string bytes = wanted.line + "\r\nHost: h\r\n\r\n";
        const Outcome got = parse(bytes);
        ASSERT_EQ(got.parsed.state, ParseState::complete) << wanted.line << describe(got.parsed.fault);
        EXPECT_EQ(got.head.form, wanted.form) << wanted.line;
        EXPECT_EQ(got.head.authority, wanted.authority) << wanted.line;
        EXPECT_EQ(got.head.path, wanted.path) << wanted.line;
        EXPECT_EQ(got.head.query, wanted.query) << wanted.line;
        EXPECT_EQ(got.head.scheme, wanted.scheme) << wanted.line;
        expect_same_at_every_split(bytes);
    }
}

TEST(Http1Request, methods_are_case_sensitive_words) {
    for (const Method method : {Method::get, Method::head, Method::post, Method::put, Method::delete_,
                                Method::trace, Method::patch, Method::options}) {
        const std::string bytes = std::string(to_string(method)) + " / HTTP/1.1\r\nHost: h\r\n\r\n";
        EXPECT_EQ(parse(bytes).head.method, method) << bytes;
    }
    for (const std::string_view other : {"get", "PURGE", "GETS", "G", "PROPFIND", "!#$%&'*+-.^_`|~09"}) {
        const Outcome got = parse(std::string(other) + " / HTTP/1.1\r\nHost: h\r\n\r\n");
        EXPECT_EQ(got.parsed.state, ParseState::complete) << other;
        EXPECT_EQ(got.head.method, Method::other) << other;
    }
    EXPECT_EQ(parse(std::string(32, 'M') + " / HTTP/1.1\r\nHost: h\r\n\r\n").parsed.state,
              ParseState::complete);
}

TEST(Http1Request, valid_hosts_are_taken) {
    for (const std::string_view host :
         {"a", "a.b-c.example", "a_b", "127.0.0.1", "127.0.0.1:0", "a:65535", "[::1]", "[2001:db8::1]:8080",
          "[::ffff:1.2.3.4]", "A.EXAMPLE", "a%41b", "xn--caf-dma"}) {
        const Outcome got = parse("GET / HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n");
        EXPECT_EQ(got.parsed.state, ParseState::complete) << host;
    }
}

TEST(Http1Request, an_http_1_0_request_needs_no_host_and_closes_unless_it_asks) {
    const Outcome bare = parse("GET / HTTP/1.0\r\n\r\n");
    ASSERT_EQ(bare.parsed.state, ParseState::complete);
    EXPECT_EQ(bare.head.minor, 0);
    EXPECT_FALSE(bare.head.keep_alive);
    EXPECT_EQ(bare.head.authority, "");
    EXPECT_TRUE(parse("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").head.keep_alive);
    const Outcome more = parse(
        "POST / HTTP/1.0\r\nExpect: 100-continue\r\nConnection: upgrade\r\nUpgrade: x\r\nContent-Length: "
        "1\r\n\r\n");
    EXPECT_FALSE(more.head.expect_continue);
    EXPECT_FALSE(more.head.upgrade);
    EXPECT_EQ(more.head.length, 1U);
}

TEST(Http1Request, connection_options_are_read_from_every_line_and_any_place_of_a_list) {
    struct Case {
        std::string_view fields;
        bool keep_alive, upgrade;
    };
    for (const Case& wanted :
         std::vector<Case>{{"", true, false},
                           {"Connection: close\r\n", false, false},
                           {"Connection: CLOSE\r\n", false, false},
                           {"Connection: a, ,close ,b\r\n", false, false},
                           {"Connection: keep-alive\r\nConnection: close\r\n", false, false},
                           {"Connection: closed\r\n", true, false},
                           {"Connection: upgrade\r\n", true, false},
                           {"Upgrade: websocket\r\n", true, false},
                           {"Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n", true, true},
                           {"Connection:\r\n", true, false},
                           {"Connection: ,\t,\r\n", true, false}}) {
        const Outcome got = parse(with_fields(wanted.fields));
        EXPECT_EQ(got.head.keep_alive, wanted.keep_alive) << wanted.fields;
        EXPECT_EQ(got.head.upgrade, wanted.upgrade) << wanted.fields;
    }
}

TEST(Http1Request, the_body_is_framed_by_exactly_one_field) {
    const Outcome length = parse(with_fields("Content-Length:  9223372036854775807 \r\n"));
    EXPECT_EQ(length.head.framing, Framing::length);
    EXPECT_EQ(length.head.length, 9223372036854775807U);
    EXPECT_EQ(parse(with_fields("Content-Length: 0\r\n")).head.framing, Framing::length);
    for (const std::string_view value : {"chunked", "Chunked", "\tchunked", " \tchunked \t"}) {
        const std::string bytes = with_fields("Transfer-Encoding:" + std::string(value) + "\r\n");
        EXPECT_EQ(parse(bytes).head.framing, Framing::chunked) << value;
        expect_same_at_every_split(bytes);
    }
    EXPECT_EQ(parse(with_fields("X: y\r\n")).head.framing, Framing::none);
    EXPECT_TRUE(parse(with_fields("Expect: 100-Continue\r\n")).head.expect_continue);
    EXPECT_FALSE(parse(with_fields("Expect: 200-ok\r\n")).head.expect_continue);
}

TEST(Http1Request, limits_hold_while_the_head_is_incomplete) {
    const Http1Limits limits = small_limits();
    const std::string start = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
    const std::string full = start + std::string(limits.head - start.size(), 'x');
    EXPECT_EQ(parse(full).parsed.state, ParseState::need_more);
    EXPECT_EQ(parse(full + "x").parsed.fault, F::head_too_large);
    EXPECT_EQ(parse("GET /" + std::string(63, 'x')).parsed.state, ParseState::need_more);
    EXPECT_EQ(parse("GET /" + std::string(64, 'x')).parsed.fault, F::target_too_long);
    EXPECT_EQ(parse("GET / HTTP/1.1\r\n1:\r\n2:\r\n3:\r\n4:\r\n5:\r\n6:\r\n7:\r\n8:\r\n9").parsed.fault,
              F::too_many_headers);
    // A head of exactly the limit passes.
    const std::string exact = start + std::string(limits.head - start.size() - 4, 'x') + "\r\n\r\n";
    EXPECT_EQ(parse(exact).parsed.consumed, limits.head);
    expect_same_at_every_split(exact);
}

// Quadratic cost would take minutes here, linear cost takes milliseconds: the bound leaves room for any
// sanitizer.
TEST(Http1Request, a_head_of_a_megabyte_that_drips_in_byte_by_byte_costs_linear_time) {
    Http1Limits limits;
    limits.head = 2U << 20;
    limits.headers = 1U << 20;
    limits.target = 1U << 20;
    std::string lines = "GET / HTTP/1.1\r\nHost: a\r\n";
    while (lines.size() < (1U << 20)) lines += "x:yyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n";
    const std::string value = "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(1U << 20, 'x') + "\r\n";
    const std::string target = "GET /" + std::string((1U << 20) - 1, 'x') + " HTTP/1.1\r\nHost: a\r\n";
    for (const std::string& start : {lines, value, target}) {
        const std::string bytes = start + "\r\n";
        const auto begin = std::chrono::steady_clock::now();
        RequestHead head;
        uint32_t scanned = 0;
        Parsed last;
        for (size_t size = 1; size <= bytes.size() && last.state == ParseState::need_more; ++size) {
            last = head.parse(std::string_view(bytes).substr(0, size), limits, scanned);
        }
        EXPECT_EQ(last.consumed, bytes.size()) << describe(last.fault);
        EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
    }
}

TEST(Http1Request, a_line_feed_alone_is_answered_with_its_byte_although_the_head_never_ends) {
    const std::string bytes = "GET / HTTP/1.1\r\nHost: a\nX: yyyyyyyyyyyyyyyyyyyyyyy\n\n";
    RequestHead head;
    uint32_t scanned = 0;
    Parsed last;
    size_t size = 0;
    while (size < bytes.size() && last.state == ParseState::need_more) {
        last = head.parse(std::string_view(bytes).substr(0, ++size), small_limits(), scanned);
    }
    EXPECT_EQ(last.fault, F::bare_lf);
    EXPECT_EQ(size, bytes.find("\nX") + 1);
}

TEST(Http1Request, a_reused_head_keeps_nothing_of_the_one_before) {
    RequestHead head;
    uint32_t scanned = 0;
    const std::string first =
        "POST http://x/a?b HTTP/1.1\r\nHost: h\r\nConnection: close, upgrade\r\nUpgrade: u\r\n"
        "Expect: 100-continue\r\nContent-Length: 7\r\n\r\n";
    ASSERT_EQ(head.parse(first, small_limits(), scanned).state, ParseState::complete);
    EXPECT_EQ(scanned, 0U);
    const std::string second = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    ASSERT_EQ(head.parse(second, small_limits(), scanned).state, ParseState::complete);
    EXPECT_EQ(print(head), print(parse(second).head));
}

TEST(Http1Request, every_byte_value_is_judged_the_same_by_wide_and_single_steps) {
    for (int c = 0; c < 256; ++c) {
        if (c == '\r' || c == '\n') continue;
        for (const size_t place : {size_t{0}, size_t{7}, size_t{15}, size_t{16}, size_t{40}}) {
            const std::string value = std::string(place, 'v') + static_cast<char>(c) + "v";
            const bool good = c == '\t' || (c >= 0x20 && c != 0x7f);
            EXPECT_EQ(is_field_value(value), good) << c;
            EXPECT_EQ(parse(with_fields("X: v" + value + "\r\n")).parsed.state == ParseState::complete, good)
                << c;
            const std::string target = "/" + std::string(place, 't') + static_cast<char>(c) + "t";
            const bool visible = c > 0x20 && c < 0x7f && c != '#';
            EXPECT_EQ(
                parse("GET " + target + " HTTP/1.1\r\nHost: a\r\n\r\n").parsed.state == ParseState::complete,
                visible)
                << c << " at " << place;
        }
    }
}

}  // namespace tl::codec
