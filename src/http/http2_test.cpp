// Both ends of HTTP/2 against each other.
#include "http/http2_testing.h"

namespace tl::http {

namespace {

rt::Task<void> echo_with_trailers(Bed& bed, ServerExchange& exchange) {
    codec::HeaderTable headers;
    headers.add("Content-Type", "text/plain");
    const OutgoingResponse head{.status = 200, .headers = &headers, .length = {BodyLength::Kind::unknown}};
    auto sent = co_await exchange.send(head, {});
    for (;;) {
        const auto piece = co_await exchange.read({base::kNever, &exchange.cancel()});
        if (!piece) {
            bed.log += std::string{base::to_string(piece.error().code)} + " ";
            co_return;
        }
        if (!piece->end) {
            sent = co_await exchange.send_body(*piece, nullptr);
            if (!sent) co_return;
            continue;
        }
        codec::HeaderTable trailers;
        trailers.add("X-Sum", "7");
        for (const codec::Header& trailer : exchange.trailers()) trailers.push(trailer);
        sent = co_await exchange.send_body({piece->data, true}, &trailers);
        co_return;
    }
}

// Answers when the test says so.
rt::Task<void> answer_later(Bed& bed, ServerExchange& exchange) {
    const rt::Wake wake = co_await bed.event.wait({base::kNever, &exchange.cancel()});
    bed.log += wake == rt::Wake::ready ? "ready " : "cancelled ";
    if (wake != rt::Wake::ready) co_return;
    [[maybe_unused]] const auto sent = co_await reply(exchange, 200, "text/plain", exchange.request().target);
}

rt::Task<void> echo_upgraded(Bed& bed, ServerExchange& exchange) {
    bed.log += std::string{exchange.request().method_text} + " ";
    bed.log += exchange.request().headers.value(codec::Field::upgrade);
    codec::HeaderTable headers;
    headers.add("Sec-WebSocket-Accept", "left out");
    const auto sent = co_await exchange.send({.status = 101, .headers = &headers, .upgrade = "websocket"}, {});
    if (!sent) co_return;
    net::Stream& stream = *exchange.tunnel().stream;
    for (;;) {
        std::array<char, 100> bytes;
        const auto got = co_await stream.read_some(bytes, bed.soon());
        if (!got || *got == 0) break;
        const auto written = co_await stream.write_all({bytes.data(), *got}, bed.soon());
        if (!written) co_return;
    }
    stream.shutdown_write();
}

struct Many {
    size_t done = 0;
    size_t wrong = 0;
};

rt::Task<void> ask_one(Http2Client& client, std::string path, rt::Wait wait, Many& many) {
    const auto told = co_await ask(client, "POST", path, "body of " + path, wait);
    ++many.done;
    if (told.text != "POST " + path + " body of " + path) ++many.wrong;
}

}  // namespace

TEST(Http2, many_requests_share_one_connection) {
    Bed bed{tell};
    bed.run([](Bed& b) -> rt::Task<void> {
        Http2Caller caller{co_await b.connect()};
        Many many;
        rt::Gate gate;
        for (int i = 0; i < 90; ++i) {
            gate.spawn("ask", ask_one(caller.client(), "/" + std::to_string(i), b.soon(), many));
        }
        co_await gate.closed(b.soon());
        EXPECT_EQ(many.done, 90U);
        EXPECT_EQ(many.wrong, 0U);
        EXPECT_EQ(b.server->stats().http2.connections, 1U);
        EXPECT_EQ(b.server->stats().requests, 90U);
        co_await caller.finish();
    });
}

TEST(Http2, bodies_larger_than_all_windows_pass_with_their_trailers) {
    Bed bed{echo_with_trailers};
    bed.limits.body = 1U << 30;
    bed.run([](Bed& b) -> rt::Task<void> {
        Http2Caller caller{co_await b.connect()};
        auto place = caller.client().lend();
        ClientExchange& exchange = place->open_exchange();
        codec::HeaderTable headers;
        headers.add("Host", "a");
        const OutgoingRequest request{
            .method = "POST", .target = "/", .headers = &headers, .length = {BodyLength::Kind::unknown}};
        const std::string part(700'000, 'x');
        rt::Gate gate;
        std::optional<Http2Told> told;
        const auto sent = co_await exchange.send(request, {}, b.soon());
        EXPECT_TRUE(sent.has_value());
        const auto listen = [](ClientExchange& from, rt::Wait wait, std::optional<Http2Told>& into) -> rt::Task<void> {
            into = co_await receive(from, wait);
        };
        gate.spawn("receive", listen(exchange, b.soon(), told));
        codec::HeaderTable trailers;
        trailers.add("X-Mine", "1");
        for (int i = 0; i < 5; ++i) {
            const auto more = co_await exchange.send_body({part, i == 4}, &trailers, b.soon());
            EXPECT_TRUE(more.has_value());
        }
        co_await gate.closed();
        EXPECT_EQ(told->status, 200);
        EXPECT_EQ(told->text.size(), 5 * part.size());
        EXPECT_EQ(told->trailers, "x-sum=7x-mine=1");
        EXPECT_TRUE(place->close_exchange());
        place.reset();
        co_await caller.finish();
    });
}

TEST(Http2, an_empty_answer_may_still_have_trailers) {
    Bed bed{echo_with_trailers};
    bed.run([](Bed& b) -> rt::Task<void> {
        Http2Caller caller{co_await b.connect()};
        const auto told = co_await ask(caller.client(), "GET", "/", "", b.soon());
        EXPECT_EQ(told.status, 200);
        EXPECT_EQ(told.text, "");
        EXPECT_EQ(told.trailers, "x-sum=7");
        co_await caller.finish();
    });
}

TEST(Http2, informational_answers_go_ahead_and_head_has_no_body) {
    Bed bed{[](Bed&, ServerExchange& exchange) -> rt::Task<void> {
        const auto early = co_await exchange.send_informational({.status = 103});
        EXPECT_TRUE(early.has_value());
        [[maybe_unused]] const auto sent = co_await reply(exchange, 200, "text/plain", "four");
    }};
    bed.run([](Bed& b) -> rt::Task<void> {
        Http2Caller caller{co_await b.connect()};
        auto told = co_await ask(caller.client(), "GET", "/", "", b.soon());
        EXPECT_EQ(told.informational, "103 ");
        EXPECT_EQ(told.text, "four");
        told = co_await ask(caller.client(), "HEAD", "/", "", b.soon());
        EXPECT_EQ(told.status, 200);
        EXPECT_EQ(told.text, "");
        co_await caller.finish();
    });
}

TEST(Http2, who_gives_up_cancels_the_request_at_the_other_end) {
    Bed bed{answer_later};
    bed.run([](Bed& b) -> rt::Task<void> {
        Http2Caller caller{co_await b.connect()};
        const auto told = co_await ask(caller.client(), "GET", "/", "", b.loop.within(50ms));
        EXPECT_EQ(told.status, 0);
        while (b.log.empty()) co_await rt::yield();
        EXPECT_EQ(b.log, "cancelled ");
        b.event.set();
        const auto again = co_await ask(caller.client(), "GET", "/next", "", b.soon());
        EXPECT_EQ(again.text, "/next");
        co_await caller.finish();
    });
}

TEST(Http2, an_answer_that_broke_off_does_not_look_whole) {
    Bed bed{[](Bed&, ServerExchange& exchange) -> rt::Task<void> {
        [[maybe_unused]] const auto sent =
            co_await exchange.send({.status = 200, .length = {BodyLength::Kind::unknown}}, {"half", false});
    }};
    bed.run([](Bed& b) -> rt::Task<void> {
        Http2Caller caller{co_await b.connect()};
        const auto told = co_await ask(caller.client(), "GET", "/", "", b.soon());
        EXPECT_EQ(told.status, 0);
        EXPECT_TRUE(told.text == "halfbody: reset" || told.text == "body: reset") << told.text;
        co_await caller.finish();
    });
}

TEST(Http2, a_server_that_stops_finishes_what_is_in_flight) {
    Bed bed{answer_later};
    bed.run([](Bed& b) -> rt::Task<void> {
        Http2Caller caller{co_await b.connect()};
        rt::Gate gate;
        std::optional<Http2Told> told;
        const auto listen = [](Http2Client& client, rt::Wait wait, std::optional<Http2Told>& into) -> rt::Task<void> {
            into = co_await ask(client, "GET", "/last", "", wait);
        };
        gate.spawn("ask", listen(caller.client(), b.soon(), told));
        while (b.server->stats().requests == 0) co_await rt::yield();
        gate.spawn("stop", b.server->stop(base::deadline_after(b.loop.now(), 5s)));
        while (!caller.gone()) co_await caller.changed.wait(b.soon());  // GOAWAY: no more from us
        EXPECT_FALSE(told.has_value());
        b.event.set();
        co_await gate.closed(b.soon());
        EXPECT_EQ(told->text, "/last");
        co_await caller.finish();
    });
}

// After a drain an idle session of HTTP/2 is told so and ends: unlike HTTP/1, it has a word for it.
TEST(Http2, a_server_that_drains_says_so_to_the_idle) {
    Bed bed{tell};
    bed.run([](Bed& b) -> rt::Task<void> {
        const auto stream = co_await b.connect();
        const auto sent = co_await stream->write_all(kHttp2Start, b.soon());
        EXPECT_TRUE(sent.has_value());
        const Http2Frame settings = co_await next_of(*stream, 4, b.soon());
        EXPECT_EQ(settings.type, 4);
        rt::Gate gate;
        gate.spawn("drain", b.server->drain(b.loop.now() + 5s));
        const Http2Frame notice = co_await next_of(*stream, 7, b.soon());
        EXPECT_EQ(notice.payload.substr(0, 4), "\x7f\xff\xff\xff");
        const Http2Frame ping = co_await next_of(*stream, 6, b.soon());
        const auto asked =
            co_await stream->write_all(frame(1, 5, 1, get_fields("/late")) + frame(6, 1, 0, ping.payload), b.soon());
        EXPECT_TRUE(asked.has_value());
        const Http2Frame last = co_await next_of(*stream, 7, b.soon());
        EXPECT_EQ(last.code(), 0U);
        EXPECT_EQ(last.payload.substr(0, 4), std::string("\0\0\0\1", 4)) << "the request on its way is served";
        const Http2Frame end = co_await next_of(*stream, 99, b.soon());
        EXPECT_EQ(end.type, -1);
        b.client.reset();
        co_await gate.closed();
    });
}

TEST(Http2, an_extended_connect_is_an_upgrade_on_both_ends) {
    Bed bed{echo_upgraded};
    bed.run([](Bed& b) -> rt::Task<void> {
        Http2Caller caller{co_await b.connect()};
        auto place = caller.client().lend();
        ClientExchange& exchange = place->open_exchange();
        codec::HeaderTable headers;
        headers.add("Host", "a");
        headers.add("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
        const OutgoingRequest request{.method = "GET", .target = "/", .headers = &headers, .upgrade = "websocket"};
        const auto sent = co_await exchange.send(request, {}, b.soon());
        EXPECT_TRUE(sent.has_value());
        const auto head = co_await exchange.read_head(b.soon());
        EXPECT_EQ((*head)->status, 101);
        EXPECT_EQ((*head)->headers.find("sec-websocket-accept")->value,
                  "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");  // RFC 6455 1.3
        EXPECT_EQ(b.log, "GET websocket");
        net::Stream& stream = *exchange.tunnel().stream;
        const auto written = co_await stream.write_all("to and fro", b.soon());
        EXPECT_TRUE(written.has_value());
        const std::string back = co_await read_exactly(stream, 10, b.soon());
        EXPECT_EQ(back, "to and fro");
        stream.shutdown_write();
        const std::string rest = co_await read_exactly(stream, 1, b.soon());
        EXPECT_EQ(rest, "");
        EXPECT_TRUE(place->close_exchange());
        place.reset();
        co_await caller.finish();
    });
}

TEST(Http2, a_service_that_speaks_http_1_is_told_apart) {
    rt::Loop loop;
    loop.run_until_done([]() -> rt::Task<void> {
        auto ends = net::Stream::pair();
        Http2Caller caller{std::move(ends->first)};
        const auto said = co_await ends->second->write_all("HTTP/1.1 400 Bad Request\r\n\r\n", {});
        EXPECT_TRUE(said.has_value());
        const auto told = co_await ask(caller.client(), "GET", "/", "", rt::this_loop().within(5s));
        EXPECT_TRUE(told.text.contains("protocol: http2")) << told.text;
        co_await caller.finish();
    }());
}

TEST(Http2, a_peer_that_refuses_a_stream_has_not_seen_the_request) {
    rt::Loop loop;
    loop.run_until_done([]() -> rt::Task<void> {
        auto ends = net::Stream::pair();
        Http2Caller caller{std::move(ends->first)};
        net::Stream& peer = *ends->second;
        const rt::Wait wait = rt::this_loop().within(5s);
        auto place = caller.client().lend();
        ClientExchange& exchange = place->open_exchange();
        codec::HeaderTable headers;
        headers.add("Host", "a");
        const auto sent = co_await exchange.send({.method = "POST", .target = "/", .headers = &headers}, {}, wait);
        EXPECT_TRUE(sent.has_value());
        const std::string preface = co_await read_exactly(peer, 24, wait);
        EXPECT_TRUE(preface.starts_with("PRI"));
        const Http2Frame asked = co_await next_of(peer, 1, wait);
        EXPECT_EQ(asked.stream, 1U);
        // GOAWAY with no stream at all: the request is safe to send again.
        const auto said = co_await peer.write_all(frame(4, 0, 0, "") + frame(7, 0, 0, std::string(8, '\0')), wait);
        EXPECT_TRUE(said.has_value());
        const auto head = co_await exchange.read_head(wait);
        EXPECT_FALSE(head.has_value());
        EXPECT_FALSE(exchange.request_may_have_arrived());
        EXPECT_FALSE(caller.client().has_room());
        place.reset();
        co_await caller.finish();
    }());
}

}  // namespace tl::http
