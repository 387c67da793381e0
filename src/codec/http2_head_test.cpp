#include "codec/http2_head.h"

#include <gtest/gtest.h>

#include <vector>

namespace tl::codec {

namespace {

using Fields = std::vector<std::pair<std::string_view, std::string_view>>;

struct Read {
    base::Arena arena;
    RequestHead head;
    Http1Fault fault = Http1Fault::none;

    explicit Read(const Fields& fields, bool ended = true, const Http1Limits& limits = {}) {
        Http2Section section{arena};
        for (const auto& [name, value] : fields) section.add(name, value, limits, head.headers);
        fault = complete_request(section, ended, limits, arena, head);
    }
};

Fields get(const Fields& more = {}) {
    Fields all{{":method", "GET"}, {":scheme", "https"}, {":authority", "shop.test:8443"}, {":path", "/a?b=c"}};
    all.insert(all.end(), more.begin(), more.end());
    return all;
}

}  // namespace

TEST(Http2Head, a_request_reads_like_one_of_http_1) {
    const Read read{get({{"accept", "x"}, {"x-own", "1"}})};
    ASSERT_EQ(read.fault, Http1Fault::none);
    EXPECT_EQ(read.head.method, Method::get);
    EXPECT_EQ(read.head.target, "/a?b=c");
    EXPECT_EQ(read.head.path, "/a");
    EXPECT_EQ(read.head.query, "b=c");
    EXPECT_EQ(read.head.authority, "shop.test:8443");
    EXPECT_EQ(read.head.framing, Framing::none);
    EXPECT_EQ(read.head.headers.value(Field::accept), "x");
    EXPECT_EQ(read.head.headers.find("X-Own")->value, "1");
}

TEST(Http2Head, crumbs_of_a_cookie_become_one_field) {
    const Read read{get({{"cookie", "a=1"}, {"x", "y"}, {"cookie", "b=2"}, {"cookie", "c=3"}})};
    EXPECT_EQ(read.head.headers.value(Field::cookie), "a=1; b=2; c=3");
    EXPECT_EQ(read.head.headers.count(Field::cookie), 1U);
}

TEST(Http2Head, an_extended_connect_is_an_upgrade) {
    const Read read{{{":method", "CONNECT"},
                     {":protocol", "websocket"},
                     {":scheme", "http"},
                     {":authority", "a"},
                     {":path", "/chat"}},
                    false};
    ASSERT_EQ(read.fault, Http1Fault::none);
    EXPECT_EQ(read.head.method, Method::get);
    EXPECT_TRUE(read.head.upgrade);
    EXPECT_EQ(read.head.framing, Framing::none);
    EXPECT_EQ(read.head.headers.value(Field::upgrade), "websocket");
}

TEST(Http2Head, lengths_frame_the_body_and_must_be_exact) {
    EXPECT_EQ(Read(get({{"content-length", "5"}}), false).head.length, 5U);
    EXPECT_EQ(Read(get(), false).head.framing, Framing::chunked);
    EXPECT_EQ(Read(get({{"content-length", "5"}}), true).fault, Http1Fault::bad_length);
    EXPECT_EQ(Read(get({{"content-length", "0x5"}}), false).fault, Http1Fault::bad_length);
    EXPECT_EQ(Read(get({{"content-length", "5"}, {"content-length", "5"}}), false).fault,
              Http1Fault::conflicting_lengths);
}

TEST(Http2Head, what_http_1_refuses_is_refused_here) {
    const struct {
        Fields fields;
        Http1Fault fault;
    } cases[] = {
        {get({{"Upper", "1"}}), Http1Fault::bad_header_name},
        {get({{"a b", "1"}}), Http1Fault::bad_header_name},
        {get({{"", "1"}}), Http1Fault::bad_header_name},
        {get({{"a", "1\r\nb: 2"}}), Http1Fault::bad_header_value},
        {get({{"a", " 1"}}), Http1Fault::bad_header_value},
        {get({{"connection", "close"}}), Http1Fault::bad_header_name},
        {get({{"upgrade", "x"}, {"transfer-encoding", "chunked"}}), Http1Fault::bad_header_name},
        {get({{"te", "gzip"}}), Http1Fault::bad_header_name},
        {get({{"host", "other.test"}}), Http1Fault::several_hosts},
        {{{":method", "G T"}, {":scheme", "http"}, {":authority", "a"}, {":path", "/"}}, Http1Fault::bad_method},
        {{{":method", "GET"}, {":scheme", "ftp"}, {":authority", "a"}, {":path", "/"}}, Http1Fault::bad_target},
        {{{":method", "GET"}, {":scheme", "http"}, {":authority", "a"}, {":path", "/#x"}}, Http1Fault::bad_target},
        {{{":method", "GET"}, {":scheme", "http"}, {":authority", "a"}, {":path", "*"}}, Http1Fault::bad_target},
        {{{":method", "GET"}, {":scheme", "http"}, {":authority", "u@a"}, {":path", "/"}}, Http1Fault::bad_host},
        {{{":method", "GET"}, {":scheme", "http"}, {":path", "/"}}, Http1Fault::missing_host},
    };
    for (const auto& one : cases) EXPECT_EQ(Read(one.fields).fault, one.fault) << one.fields.back().first;
}

TEST(Http2Head, limits_hold) {
    const Http1Limits limits{.head = 400, .headers = 3, .target = 20};
    EXPECT_EQ(Read(get({{"a", std::string(300, 'x')}}), true, limits).fault, Http1Fault::head_too_large);
    Http1Limits wide = limits;
    wide.head = 4000;
    EXPECT_EQ(Read(get({{"a", "1"}, {"b", "1"}, {"c", "1"}, {"d", "1"}}), true, wide).fault,
              Http1Fault::too_many_headers);
    EXPECT_EQ(Read({{":method", "GET"}, {":path", "/aaaaaaaaaaaaaaaaaaaaaaaa"}}, true, wide).fault,
              Http1Fault::target_too_long);
}

TEST(Http2Head, the_proof_of_a_websocket_server) {
    EXPECT_EQ(websocket_accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");  // RFC 6455 1.3
    EXPECT_EQ(websocket_key(0, 0), "AAAAAAAAAAAAAAAAAAAAAA==");
}

}  // namespace tl::codec
