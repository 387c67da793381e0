#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "codec/http1.h"

namespace tl::codec {

namespace {

using F = Http1Fault;

struct Outcome {
    Parsed parsed;
    ResponseHead head;
};

Outcome parse(std::string_view bytes, Method request = Method::get) {
    Outcome outcome;
    uint32_t scanned = 0;
    outcome.parsed = outcome.head.parse(bytes, Http1Limits{}, request, scanned);
    return outcome;
}

void expect_same_at_every_split(std::string_view bytes, Method request = Method::get) {
    const Outcome whole = parse(bytes, request);
    ASSERT_NE(whole.parsed.state, ParseState::need_more) << bytes;
    ResponseHead dripping;
    uint32_t scanned = 0;
    bool answered = false;
    for (size_t size = 0; size <= bytes.size(); ++size) {
        const Outcome part = parse(bytes.substr(0, size), request);
        if (part.parsed.state != ParseState::need_more) {
            ASSERT_EQ(part.parsed.fault, whole.parsed.fault) << bytes << " at " << size;
            ASSERT_EQ(part.parsed.consumed, whole.parsed.consumed) << bytes << " at " << size;
        }
        if (answered) continue;
        const Parsed step = dripping.parse(bytes.substr(0, size), Http1Limits{}, request, scanned);
        if (step.state == ParseState::need_more) continue;
        answered = true;
        ASSERT_EQ(step.fault, whole.parsed.fault) << bytes << " dripping, at " << size;
        ASSERT_EQ(step.consumed, whole.parsed.consumed) << bytes << " dripping, at " << size;
        ASSERT_EQ(dripping.status, whole.head.status);
        ASSERT_EQ(dripping.reason, whole.head.reason);
        ASSERT_EQ(dripping.headers.size(), whole.head.headers.size());
    }
    ASSERT_TRUE(answered || whole.parsed.state == ParseState::bad) << bytes;
}

std::string ok_with(std::string_view fields) { return "HTTP/1.1 200 OK\r\n" + std::string(fields) + "\r\n"; }

}  // namespace

TEST(Http1Response, a_broken_head_is_refused_with_its_fault) {
    struct Bad {
        std::string bytes;
        Http1Fault fault;
    };
    const std::vector<Bad> cases{
        {"HTTP/1.1 99 x\r\n\r\n", F::bad_status},
        {"HTTP/1.1 099 x\r\n\r\n", F::bad_status},
        {"HTTP/1.1 600 x\r\n\r\n", F::bad_status},
        {"HTTP/1.1 999 x\r\n\r\n", F::bad_status},
        {"HTTP/1.1 2000 x\r\n\r\n", F::bad_status},
        {"HTTP/1.1 20 x\r\n\r\n", F::bad_status},
        {"HTTP/1.1 +20 x\r\n\r\n", F::bad_status},
        {"HTTP/1.1  200 OK\r\n\r\n", F::bad_status},
        {"HTTP/1.1 2xx OK\r\n\r\n", F::bad_status},
        {"HTTP/1.1 200OK\r\n\r\n", F::bad_status},
        {"HTTP/1.1 200\tOK\r\n\r\n", F::bad_status},
        {"HTTP/1.1 20\r\n\r\n", F::bad_status},
        {"HTTP/1.1\r\n\r\n", F::bad_start_line},
        {"HTTP/1.1\t200 OK\r\n\r\n", F::bad_start_line},
        {"HTTP/2.0 200 OK\r\n\r\n", F::bad_version},
        {"HTTP/0.9 200 OK\r\n\r\n", F::bad_version},
        {"HTTP/1.10 200 OK\r\n\r\n", F::bad_version},
        {"HTTP/2 200\r\n\r\n", F::bad_version},
        {"ICY 200 OK\r\n\r\n", F::bad_start_line},
        {"http/1.1 200 OK\r\n\r\n", F::bad_start_line},
        {"\r\nHTTP/1.1 200 OK\r\n\r\n", F::bad_start_line},
        {"<html>", F::bad_start_line},
        {"HTTP/1.1 200 O\x01K\r\n\r\n", F::bad_start_line},
        {"HTTP/1.1 200 O\x7fK\r\n\r\n", F::bad_start_line},
        {"HTTP/1.1 200 OK\nX: y\r\n\r\n", F::bare_lf},
        {"HTTP/1.1 200\n\n", F::bare_lf},
        {"\nHTTP/1.1 200 OK\r\n\r\n", F::bare_lf},
        {"HTTP/1.1 200 OK\rX: y\r\n\r\n", F::bare_cr},
        {"HTTP/1.1 200\rOK\r\n\r\n", F::bare_cr},
        {ok_with("X: a\r\n b\r\n"), F::obs_fold},
        {ok_with(" X: a\r\n"), F::obs_fold},
        {ok_with("X : a\r\n"), F::space_before_colon},
        {ok_with("X\r\n"), F::bad_header_name},
        {ok_with(": a\r\n"), F::bad_header_name},
        {ok_with("X: \x02\r\n"), F::bad_header_value},
        {ok_with("X: a\nSet-Cookie: b\r\n"), F::bare_lf},
        {ok_with("X: a\rSet-Cookie: b\r\n"), F::bare_cr},
        {ok_with("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), F::length_and_encoding},
        {ok_with("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), F::length_and_encoding},
        {ok_with("Content-Length: 5\r\nContent-Length: 5\r\n"), F::conflicting_lengths},
        {ok_with("Content-Length: 5\r\nContent-Length: 6\r\n"), F::conflicting_lengths},
        {ok_with("Content-Length: 5, 5\r\n"), F::bad_length},
        {ok_with("Content-Length: -1\r\n"), F::bad_length},
        {ok_with("Transfer-Encoding: gzip, chunked\r\n"), F::bad_encoding},
        {ok_with("Transfer-Encoding: identity\r\n"), F::bad_encoding},
        {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", F::bad_encoding},
        {"HTTP/1.1 204 x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", F::length_and_encoding},
        {ok_with("X: " + std::string(40000, 'x') + "\r\n"), F::head_too_large},
    };
    for (const Bad& bad : cases) {
        const Outcome outcome = parse(bad.bytes);
        EXPECT_EQ(outcome.parsed.state, ParseState::bad) << bad.bytes;
        EXPECT_EQ(describe(outcome.parsed.fault), describe(bad.fault)) << bad.bytes;
        EXPECT_EQ(parse(bad.bytes + std::string(64, 'z')).parsed.fault, bad.fault) << bad.bytes;
        if (bad.bytes.size() < 1000) expect_same_at_every_split(bad.bytes);
    }
}

TEST(Http1Response, status_and_reason_are_read) {
    struct Good {
        std::string line;
        uint16_t status;
        std::string_view reason;
    };
    for (const Good& good : std::vector<Good>{{"HTTP/1.1 200 OK", 200, "OK"},
                                              {"HTTP/1.1 404 Not Found", 404, "Not Found"},
                                              {"HTTP/1.1 500 ", 500, ""},
                                              {"HTTP/1.1 500", 500, ""},
                                              {"HTTP/1.0 599 \xc3\xa9\t!", 599, "\xc3\xa9\t!"},
                                              {"HTTP/1.1 100 Continue", 100, "Continue"}}) {
        const std::string bytes = good.line + "\r\nServer: x\r\n\r\n";
        const Outcome got = parse(bytes);
        ASSERT_EQ(got.parsed.state, ParseState::complete) << good.line;
        EXPECT_EQ(got.parsed.consumed, bytes.size());
        EXPECT_EQ(got.head.status, good.status);
        EXPECT_EQ(got.head.reason, good.reason);
        EXPECT_EQ(got.head.headers.value(Field::server), "x");
        expect_same_at_every_split(bytes);
    }
}

TEST(Http1Response, the_request_and_the_status_decide_whether_there_is_a_body) {
    struct Case {
        std::string head;
        Method request;
        Framing framing;
        uint64_t length;
        bool keep_alive;
    };
    const std::vector<Case> cases{
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", Method::get, Framing::length, 5, true},
        {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", Method::get, Framing::length, 0, true},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n", Method::get, Framing::chunked, 0, true},
        {"HTTP/1.1 200 OK\r\n\r\n", Method::get, Framing::until_close, 0, false},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", Method::head, Framing::none, 0, true},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", Method::head, Framing::none, 0, true},
        {"HTTP/1.1 200 OK\r\n\r\n", Method::head, Framing::none, 0, true},
        {"HTTP/1.1 204 x\r\nContent-Length: 5\r\n\r\n", Method::get, Framing::none, 0, true},
        {"HTTP/1.1 304 x\r\nContent-Length: 5\r\n\r\n", Method::get, Framing::none, 0, true},
        {"HTTP/1.1 103 x\r\nContent-Length: 5\r\n\r\n", Method::get, Framing::none, 0, true},
        {"HTTP/1.1 200 x\r\n\r\n", Method::connect, Framing::none, 0, true},
        {"HTTP/1.1 407 x\r\nContent-Length: 5\r\n\r\n", Method::connect, Framing::length, 5, true},
        {"HTTP/1.1 407 x\r\n\r\n", Method::connect, Framing::until_close, 0, false},
        {"HTTP/1.1 200 x\r\nContent-Length: 5\r\nConnection: close\r\n\r\n", Method::get, Framing::length, 5, false},
        {"HTTP/1.0 200 x\r\nContent-Length: 5\r\n\r\n", Method::get, Framing::length, 5, false},
        {"HTTP/1.0 200 x\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n", Method::get, Framing::length, 5,
         true},
    };
    for (const Case& wanted : cases) {
        const Outcome got = parse(wanted.head, wanted.request);
        ASSERT_EQ(got.parsed.state, ParseState::complete) << wanted.head;
        EXPECT_EQ(got.head.framing, wanted.framing) << wanted.head;
        EXPECT_EQ(got.head.length, wanted.length) << wanted.head;
        EXPECT_EQ(got.head.keep_alive, wanted.keep_alive) << wanted.head;
        expect_same_at_every_split(wanted.head, wanted.request);
    }
}

TEST(Http1Response, only_a_101_with_an_upgrade_field_switches_protocols) {
    EXPECT_TRUE(parse("HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n").head.upgrade);
    EXPECT_FALSE(parse("HTTP/1.1 101 x\r\nConnection: upgrade\r\n\r\n").head.upgrade);
    EXPECT_FALSE(parse("HTTP/1.1 426 x\r\nUpgrade: h2c\r\n\r\n").head.upgrade);
}

}  // namespace tl::codec
