// Whole requests through both sides of the room, over TCP.
#include "http/fetch.h"

#include "http/http_testing.h"

namespace tl::http {

namespace {

rt::Task<void> big(Bed& /*bed*/, ServerExchange& exchange) {
    const std::string body(3'000'000, 'b');
    const OutgoingResponse head{.length = {BodyLength::Kind::unknown}};
    auto sent = co_await exchange.send(head, {std::string_view{body}.substr(0, 1'000'000), false});
    if (sent) sent = co_await exchange.send_body({std::string_view{body}.substr(1'000'000), true}, nullptr);
}

struct Count final : FetchSink {
    void on_head(uint16_t got) override { status = got; }
    void on_piece(std::string_view piece) override { bytes += piece.size(); }
    uint16_t status = 0;
    size_t bytes = 0;
};

}  // namespace

TEST(Fetch, a_request_with_a_body_comes_back_as_told) {
    Bed bed{tell, Link::tcp};
    bed.run([](Bed& b) -> rt::Task<void> {
        const std::string body(500'000, 'q');
        const auto got = co_await fetch(
            {.address = b.server->address(), .method = "POST", .target = "/x", .headers = {{"X-A", "1"}}, .body = body},
            b.soon());
        EXPECT_TRUE(got.has_value());
        EXPECT_EQ(got->status, 200);
        EXPECT_EQ(got->body, "POST /x " + body);
    });
}

TEST(Fetch, a_large_answer_arrives_whole_or_is_refused_by_its_bound) {
    Bed bed{big, Link::tcp};
    bed.run([](Bed& b) -> rt::Task<void> {
        const auto got = co_await fetch({.address = b.server->address()}, b.soon());
        EXPECT_TRUE(got && got->body.size() == 3'000'000);
        const auto bounded = co_await fetch({.address = b.server->address(), .most = 1000}, b.soon());
        EXPECT_EQ(bounded.error().code, base::Code::too_large);
        Count sink;
        const auto streamed = co_await fetch_streaming({.address = b.server->address()}, sink, b.soon());
        EXPECT_TRUE(streamed.has_value());
        EXPECT_EQ(sink.bytes, 3'000'000U);
        EXPECT_EQ(sink.status, 200);
    });
}

TEST(Fetch, an_error_of_the_connection_is_the_upstreams) {
    Bed bed{tell, Link::tcp};
    bed.run([](Bed& b) -> rt::Task<void> {
        const net::Address nobody = b.server->address();
        b.client.reset();
        co_await b.server->stop(b.loop.now());
        const auto got = co_await fetch({.address = nobody}, b.soon());
        EXPECT_FALSE(got.has_value());
        EXPECT_EQ(got.error().side, base::Side::upstream);
    });
}

}  // namespace tl::http
