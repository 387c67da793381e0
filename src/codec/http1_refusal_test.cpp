#include <string>
#include <vector>

#include "codec/http1_request_testing.h"

namespace tl::codec::testing {

namespace {

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
        return "POST / HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n0\r\n\r\nGET /admin HTTP/1.1\r\n\r\n";
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
        EXPECT_EQ(describe(parse(bad.bytes + std::string(64, 'z')).parsed.fault), describe(bad.fault)) << bad.bytes;
        expect_same_at_every_split(bad.bytes);
    }
}

}  // namespace

TEST(Http1Request, a_broken_request_line_is_refused_with_its_fault) { expect_faults(bad_start_lines()); }
TEST(Http1Request, a_broken_field_line_is_refused_with_its_fault) { expect_faults(bad_fields()); }
TEST(Http1Request, a_missing_repeated_or_invalid_host_is_refused) { expect_faults(bad_hosts()); }
TEST(Http1Request, whatever_two_parsers_could_frame_differently_is_refused) { expect_faults(smuggling()); }

}  // namespace tl::codec::testing
