// What goes over the wire of a server session: framing both ways, order, refusals.
#include "http/http_testing.h"

namespace tl::http {

namespace {

constexpr std::string_view kClose = "Connection: close\r\n";

// An answer of unknown length in two pieces, with a trailer.
rt::Task<void> stream_two(Bed& /*bed*/, ServerExchange& exchange) {
    const OutgoingResponse head{.length = {BodyLength::Kind::unknown}};
    [[maybe_unused]] const auto first = co_await exchange.send(head, {"hello ", false});
    codec::HeaderTable trailers;
    trailers.add("X-Sum", "42");
    [[maybe_unused]] const auto last = co_await exchange.send_body({"world", true}, &trailers);
}

rt::Task<void> ignore_body(Bed& /*bed*/, ServerExchange& exchange) {
    [[maybe_unused]] const auto sent = co_await reply(exchange, 200, "text/plain", "ok");
}

rt::Task<void> status_of_target(Bed& /*bed*/, ServerExchange& exchange) {
    const std::string status{exchange.request().path.substr(1)};
    const OutgoingResponse head{.status = static_cast<uint16_t>(std::stoi(status)),
                                .length = {BodyLength::Kind::known, 5}};
    [[maybe_unused]] const auto sent = co_await exchange.send(head, {"12345", true});
}

rt::Task<void> early_hints(Bed& /*bed*/, ServerExchange& exchange) {
    codec::HeaderTable headers;
    headers.add("Link", "</a.css>");
    [[maybe_unused]] const auto hint = co_await exchange.send_informational({.status = 103, .headers = &headers});
    [[maybe_unused]] const auto sent = co_await reply(exchange, 200, "text/plain", "x");
}

}  // namespace

TEST(Http1Server, pipelined_requests_are_answered_in_order) {
    Bed bed{tell};
    bed.run([](Bed& b) -> rt::Task<void> {
        const std::string got = co_await b.ask(
            "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n"
            "POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
            "POST /3 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nde\r\n1\r\nf\r\n0\r\nX-T: "
            "v\r\n\r\n"
            "GET /4 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        EXPECT_EQ(got, told("GET /1 ") + told("POST /2 abc") + told("POST /3 def X-T=v") + told("GET /4 ", kClose));
        EXPECT_EQ(b.server->stats().requests, 4U);
    });
}

TEST(Http1Server, where_the_bytes_are_cut_changes_nothing) {
    static constexpr std::string_view kBytes =
        "POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
        "POST /3 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nde\r\n1\r\nf\r\n0\r\nX-T: "
        "v\r\n\r\n"
        "GET /4 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    Bed bed{tell};
    bed.run([](Bed& b) -> rt::Task<void> {
        const std::string wanted = told("POST /2 abc") + told("POST /3 def X-T=v") + told("GET /4 ", kClose);
        for (size_t cut = 1; cut < kBytes.size(); ++cut) {
            b.client = co_await b.connect();
            co_await b.send(kBytes.substr(0, cut));
            co_await rt::sleep(200us);
            const std::string got = co_await b.ask(kBytes.substr(cut));
            EXPECT_EQ(got, wanted) << "cut at " << cut;
        }
        b.client = co_await b.connect();
        for (const char byte : kBytes) {  // and byte by byte
            co_await b.send({&byte, 1});
            co_await rt::yield();
            co_await rt::yield();
        }
        const std::string got = co_await b.receive_all();
        EXPECT_EQ(got, wanted);
    });
}

TEST(Http1Server, the_next_request_may_arrive_with_the_end_of_a_long_body) {
    Bed bed{tell};
    bed.run([](Bed& b) -> rt::Task<void> {
        const std::string body(100'000, 'b');
        co_await b.send("POST /long HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n");
        co_await rt::sleep(2ms);
        const std::string got = co_await b.ask(body + "GET /next HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        EXPECT_EQ(got, told("POST /long " + body) + told("GET /next ", kClose));
    });
}

TEST(Http1Server, an_answer_of_unknown_length_is_chunked_with_its_trailers) {
    Bed bed{stream_two};
    bed.run([](Bed& b) -> rt::Task<void> {
        const std::string got = co_await b.ask("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        EXPECT_EQ(got,
                  "HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
                  "6\r\nhello \r\n5\r\nworld\r\n0\r\nX-Sum: 42\r\n\r\n");
    });
}

TEST(Http1Server, an_http_1_0_client_gets_no_chunks_but_the_end_of_the_connection) {
    Bed bed{stream_two};
    bed.run([](Bed& b) -> rt::Task<void> {
        const std::string got = co_await b.ask("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        EXPECT_EQ(got, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello world");
    });
}

TEST(Http1Server, an_http_1_0_connection_is_kept_only_if_asked_for) {
    Bed bed{tell};
    bed.run([](Bed& b) -> rt::Task<void> {
        const std::string got = co_await b.ask(
            "GET /1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /2 HTTP/1.0\r\n\r\nGET /3 "
            "HTTP/1.0\r\n\r\n");
        EXPECT_EQ(got, told("GET /1 ", "Connection: keep-alive\r\n") + told("GET /2 ", kClose));
    });
}

TEST(Http1Server, no_body_follows_where_none_may) {
    Bed bed{status_of_target};
    bed.run([](Bed& b) -> rt::Task<void> {
        const std::string got = co_await b.ask(
            "HEAD /200 HTTP/1.1\r\nHost: a\r\n\r\nGET /204 HTTP/1.1\r\nHost: a\r\n\r\n"
            "GET /304 HTTP/1.1\r\nHost: a\r\n\r\nGET /200 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        EXPECT_EQ(got,
                  "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
                  "HTTP/1.1 204 No Content\r\n\r\n"
                  "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"
                  "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\n12345");
    });
}

TEST(Http1Server, informational_answers_go_ahead_but_not_to_http_1_0) {
    Bed bed{early_hints};
    bed.run([](Bed& b) -> rt::Task<void> {
        const std::string modern = co_await b.ask("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        EXPECT_EQ(modern, "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n" + told("x", kClose));
        b.client = co_await b.connect();
        const std::string old = co_await b.ask("GET / HTTP/1.0\r\n\r\n");
        EXPECT_EQ(old, told("x", kClose));
    });
}

TEST(Http1Server, a_client_that_expects_100_continue_gets_it_before_it_sends) {
    Bed bed{tell};
    bed.run([](Bed& b) -> rt::Task<void> {
        co_await b.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
        const std::string go = co_await b.receive("\r\n\r\n");
        EXPECT_EQ(go, "HTTP/1.1 100 Continue\r\n\r\n");
        co_await b.send("hi");
        const std::string got = co_await b.receive("hi");
        EXPECT_EQ(got, told("POST / hi"));
    });
}

TEST(Http1Server, an_expected_100_that_never_came_ends_the_connection) {
    Bed bed{ignore_body};
    bed.run([](Bed& b) -> rt::Task<void> {
        const std::string got =
            co_await b.ask("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
        EXPECT_EQ(got, told("ok", kClose));
    });
}

TEST(Http1Server, a_small_unread_body_is_swallowed_and_the_connection_kept) {
    Bed bed{ignore_body};
    bed.run([](Bed& b) -> rt::Task<void> {
        co_await b.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 40000\r\n\r\n");
        const std::string first = co_await b.receive("ok");
        EXPECT_EQ(first, told("ok"));
        const std::string got =
            co_await b.ask(std::string(40'000, 'x') + "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        EXPECT_EQ(got, told("ok", kClose));
    });
}

TEST(Http1Server, an_unread_body_that_is_large_or_of_unknown_length_ends_the_connection) {
    Bed bed{ignore_body};
    bed.run([](Bed& b) -> rt::Task<void> {
        const std::string large = co_await b.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nabc");
        EXPECT_EQ(large, told("ok", kClose));
        b.client = co_await b.connect();
        const std::string chunked =
            co_await b.ask("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na");
        EXPECT_EQ(chunked, told("ok", kClose));
    });
}

TEST(Http1Server, heads_that_cannot_be_trusted_are_refused_and_the_answer_arrives) {
    Bed bed{tell, Link::tcp};
    bed.run([](Bed& b) -> rt::Task<void> {
        struct Case {
            std::string head;
            std::string_view status;
        };
        const Case cases[] = {
            {"GET / HTTP/1.1\r\nHost : a\r\n\r\n", "HTTP/1.1 400 "},
            {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 400 "},
            {"GET /" + std::string(9000, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 414 "},
            {"GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(40'000, 'a') + "\r\n\r\n", "HTTP/1.1 431 "},
            {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", "HTTP/1.1 400 "},
            {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", "HTTP/1.1 505 "},
        };
        for (const Case& one : cases) {
            b.client = co_await b.connect();
            // Much follows that nobody reads: closing at once would reset the connection under the answer.
            const std::string got = co_await b.ask(one.head + std::string(200'000, 'z'));
            EXPECT_TRUE(got.starts_with(one.status)) << one.status << got.substr(0, 200);
            EXPECT_NE(got.find("\r\nConnection: close\r\n"), std::string::npos) << got;
            EXPECT_EQ(got.find('<'), std::string::npos) << got;
        }
        EXPECT_EQ(b.server->stats().refused_heads, 6U);
        EXPECT_EQ(b.server->stats().requests, 0U);
    });
}

TEST(Http1Server, a_declared_body_over_the_limit_gets_413_at_once) {
    Bed bed{tell, Link::tcp};
    bed.limits.body = 10;
    bed.run([](Bed& b) -> rt::Task<void> {
        const std::string got =
            co_await b.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n" + std::string(300'000, 'x'));
        EXPECT_TRUE(got.starts_with("HTTP/1.1 413 ")) << got;
        EXPECT_EQ(got.find('<'), std::string::npos) << got;
        EXPECT_EQ(b.log, "");
    });
}

TEST(Http1Server, a_chunked_body_over_the_limit_is_an_error_for_the_handler) {
    Bed bed{tell};
    bed.limits.body = 10;
    bed.run([](Bed& b) -> rt::Task<void> {
        const std::string got = co_await b.ask(
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
            "chunked\r\n\r\n8\r\n12345678\r\n8\r\n12345678\r\n");
        EXPECT_TRUE(got.starts_with("HTTP/1.1 400 ")) << got;
        EXPECT_EQ(b.log, base::to_string(base::Code::too_large));
    });
}

TEST(Http1Server, a_broken_chunk_is_an_error_for_the_handler_and_ends_the_connection) {
    Bed bed{tell};
    bed.run([](Bed& b) -> rt::Task<void> {
        const std::string got = co_await b.ask(
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nGET /evil "
            "HTTP/1.1\r\nHost: a\r\n\r\n");
        EXPECT_TRUE(got.starts_with("HTTP/1.1 400 ")) << got;
        EXPECT_EQ(got.find("evil"), std::string::npos);
        EXPECT_EQ(b.log, base::to_string(base::Code::invalid));
    });
}

}  // namespace tl::http
