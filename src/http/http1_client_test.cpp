// The client side of a connection against a peer that is played by hand, byte by byte.
#include "http/client.h"
#include "http/http_testing.h"

namespace tl::http {

namespace {

constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

// A connection and the stream of who answers on it.
struct Two {
    std::unique_ptr<ClientConnection> connection;
    std::unique_ptr<net::Stream> peer;
    ClientExchange* exchange = nullptr;  // the last one of trade()

    static Two make() {
        auto ends = net::Stream::pair();
        return {make_http1_client(std::move(ends->first), ClientLimits{}), std::move(ends->second)};
    }
};

rt::Wait soon() { return rt::this_loop().within(5s); }

// Sends a request with no body, lets the peer say `answer`, reads it all; "status body|trailers" or the error.
rt::Task<std::string> trade(Two& two, std::string_view answer, std::string_view method = "GET",
                            std::string_view upgrade = "") {
    ClientExchange& exchange = two.connection->open_exchange();
    two.exchange = &exchange;
    codec::HeaderTable headers;
    headers.add("Host", "a");
    const OutgoingRequest request{.method = method, .target = "/", .headers = &headers, .upgrade = upgrade};
    const auto sent = co_await exchange.send(request, {{}, true}, soon());
    if (!sent) co_return "send: " + sent.error().message();
    const auto said = co_await two.peer->write_all(answer, soon());
    EXPECT_TRUE(said.has_value());
    codec::ResponseHead* head = nullptr;
    do {
        const auto got = co_await exchange.read_head(soon());
        if (!got) co_return "head: " + std::string{base::to_string(got.error().code)};
        head = *got;
    } while (head->status < 200 && head->status != 101);
    std::string text = std::to_string(head->status) + " ";
    for (;;) {
        const auto piece = co_await exchange.read(soon());
        if (!piece) co_return text + "body: " + std::string{base::to_string(piece.error().code)};
        text += piece->data;
        if (piece->end) break;
    }
    for (const codec::Header& trailer : exchange.trailers()) text += "|" + std::string{trailer.value};
    co_return text;
}

void run(rt::Task<void> (*story)()) {
    rt::Loop loop;
    loop.run_until_done(story());
}

}  // namespace

TEST(Http1Client, a_connection_is_reused_exactly_when_both_messages_were_whole) {
    run([]() -> rt::Task<void> {
        struct Case {
            std::string_view method, answer, told;
            bool reusable;
        };
        const Case cases[] = {
            {"GET", kOk, "200 ok", true},
            {"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX: t\r\n\r\n", "200 ok|t",
             true},
            {"GET", "HTTP/1.1 204 No Content\r\n\r\n", "204 ", true},
            {"GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", "304 ", true},
            {"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", "200 ", true},
            {"GET", "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "200 ok", true},
            {"GET", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok", "200 ok", true},
            {"GET", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", "200 ok", false},
            {"GET", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", "200 ok", false},
            {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n", "200 ok", false},
            {"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "200 body: invalid", false},
            {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n", "head: invalid",
             false},
            {"GET", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "head: invalid", false},
            {"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", "head: invalid", false},
            {"GET", "HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n", "head: invalid", false},
            {"GET", "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", "head: invalid",
             false},
            {"CONNECT", "HTTP/1.1 200 OK\r\n\r\n", "200 ", false},
        };
        for (const Case& one : cases) {
            Two two = Two::make();
            const std::string told = co_await trade(two, one.answer, one.method);
            EXPECT_EQ(told, one.told) << one.answer;
            EXPECT_EQ(two.connection->close_exchange(), one.reusable) << one.answer;
            if (!one.reusable) continue;
            const std::string again = co_await trade(two, kOk);
            EXPECT_EQ(again, "200 ok") << one.answer;
        }
    });
}

TEST(Http1Client, where_an_answer_is_cut_changes_nothing) {
    run([]() -> rt::Task<void> {
        const std::string_view answer =
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: "
            "chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\nX: t\r\n\r\n";
        for (size_t cut = 0; cut < answer.size(); ++cut) {
            Two two = Two::make();
            auto later = [](net::Stream& peer, std::string_view rest) -> rt::Task<void> {
                co_await rt::sleep(200us);
                const auto said = co_await peer.write_all(rest, soon());
                EXPECT_TRUE(said.has_value());
            };
            rt::Gate gate;
            gate.spawn("later", later(*two.peer, answer.substr(cut)));
            const std::string told = co_await trade(two, answer.substr(0, cut));
            EXPECT_EQ(told, "200 abcd|t") << cut;
            EXPECT_TRUE(two.connection->close_exchange()) << cut;
            co_await gate.closed();
        }
    });
}

TEST(Http1Client, an_answer_that_ends_with_the_connection_is_whole_and_a_shortened_one_is_not) {
    run([]() -> rt::Task<void> {
        struct Case {
            std::string_view answer, told;
        };
        const Case cases[] = {
            {"HTTP/1.1 200 OK\r\n\r\nall of it", "200 all of it"},
            {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart", "200 partbody: closed"},
            {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n", "200 partbody: closed"},
            {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n0\r\n", "200 partbody: closed"},
            {"HTTP/1.1 200 O", "head: reset"},
            {"", "head: reset"},
        };
        for (const Case& one : cases) {
            Two two = Two::make();
            auto finish = [](net::Stream& peer) -> rt::Task<void> {
                co_await rt::sleep(500us);
                peer.shutdown_write();
            };
            rt::Gate gate;
            gate.spawn("finish", finish(*two.peer));
            const std::string told = co_await trade(two, one.answer);
            EXPECT_EQ(told, one.told);
            EXPECT_FALSE(two.connection->close_exchange());
            co_await gate.closed();
        }
    });
}

TEST(Http1Client, a_failure_before_any_byte_of_the_answer_may_be_retried) {
    run([]() -> rt::Task<void> {
        for (const std::string_view answer : {"", "HTTP/1.1 2"}) {
            Two two = Two::make();
            ClientExchange& exchange = two.connection->open_exchange();
            const auto sent = co_await exchange.send({.method = "GET", .target = "/"}, {{}, true}, soon());
            EXPECT_TRUE(sent.has_value());
            const auto said = co_await two.peer->write_all(answer, soon());
            EXPECT_TRUE(said.has_value());
            two.peer->shutdown_write();
            const auto head = co_await exchange.read_head(soon());
            EXPECT_FALSE(head.has_value());
            EXPECT_EQ(head.error().retryable, answer.empty());
            EXPECT_EQ(exchange.response_seen(), !answer.empty());
            EXPECT_EQ(head.error().side, base::Side::upstream);
        }
    });
}

TEST(Http1Client, answers_without_end_to_the_same_request_are_refused) {
    run([]() -> rt::Task<void> {
        Two two = Two::make();
        std::string flood;
        for (int i = 0; i < 1000; ++i) flood += "HTTP/1.1 103 Early Hints\r\n\r\n";
        const std::string told = co_await trade(two, flood);
        EXPECT_EQ(told, "head: invalid");
    });
}

TEST(Http1Client, an_upgrade_that_was_asked_for_opens_a_tunnel_with_its_early_bytes) {
    run([]() -> rt::Task<void> {
        Two two = Two::make();
        const std::string told = co_await trade(
            two, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nearly", "GET", "x");
        EXPECT_EQ(told, "101 ");
        EXPECT_EQ(two.exchange->tunnel().early, "early");
        EXPECT_FALSE(two.connection->close_exchange());
    });
}

TEST(Http1Client, a_body_goes_out_as_its_head_announced_or_not_at_all) {
    run([]() -> rt::Task<void> {
        using Kind = BodyLength::Kind;
        struct Case {
            BodyLength length;
            std::string_view first, second, wire;
            bool taken;
        };
        const Case cases[] = {
            {{Kind::none}, "", "", "POST / HTTP/1.1\r\n\r\n", true},
            {{Kind::known, 4}, "ab", "cd", "POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nabcd", true},
            {{Kind::unknown},
             "ab",
             "cd",
             "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n",
             true},
            {{Kind::known, 3}, "ab", "cd", "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nab", false},
            {{Kind::known, 5}, "ab", "cd", "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nab", false},
            {{Kind::none}, "ab", "cd", "", false},
        };
        for (const Case& one : cases) {
            Two two = Two::make();
            ClientExchange& exchange = two.connection->open_exchange();
            const OutgoingRequest request{.method = "POST", .target = "/", .length = one.length};
            const auto first = co_await exchange.send(request, {one.first, false}, soon());
            const auto second = co_await exchange.send_body({one.second, true}, nullptr, soon());
            EXPECT_EQ(first && second, one.taken) << one.wire;
            const auto said = co_await two.peer->write_all(kOk, soon());
            EXPECT_TRUE(said.has_value());
            const auto head = co_await exchange.read_head(soon());
            EXPECT_TRUE(head.has_value());
            const auto body = co_await exchange.read(soon());
            EXPECT_TRUE(body && body->end);
            EXPECT_EQ(two.connection->close_exchange(), one.taken) << one.wire;
            two.connection.reset();
            std::string wire;
            char bytes[300];
            for (auto got = co_await two.peer->read_some(bytes, soon()); got && *got > 0;) {
                wire.append(bytes, *got);
                got = co_await two.peer->read_some(bytes, soon());
            }
            EXPECT_EQ(wire, one.wire);
        }
    });
}

TEST(Http1Client, an_idle_connection_is_alive_until_its_peer_says_anything) {
    run([]() -> rt::Task<void> {
        for (const bool closes : {true, false}) {
            Two two = Two::make();
            co_await rt::sleep(1ms);
            EXPECT_TRUE(two.connection->alive());  // fresh from a pool that connected ahead
            const std::string told = co_await trade(two, kOk);
            EXPECT_EQ(told, "200 ok");
            EXPECT_TRUE(two.connection->close_exchange());
            EXPECT_TRUE(two.connection->alive());
            if (closes) {
                two.peer.reset();
            } else {
                const auto said = co_await two.peer->write_all("HTTP/1.1 408 Too Late\r\n\r\n", soon());
                EXPECT_TRUE(said.has_value());
            }
            co_await rt::sleep(1ms);
            EXPECT_FALSE(two.connection->alive());
        }
    });
}

TEST(Http1Client, an_answer_that_fills_the_buffer_exactly_leaves_the_connection_alive) {
    run([]() -> rt::Task<void> {
        Two two = Two::make();
        const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: ";
        const size_t body = base::Buffer::kBlock - head.size() - 5 - 4;
        const std::string told = co_await trade(two, head + std::to_string(body) + "\r\n\r\n" + std::string(body, 'x'));
        EXPECT_EQ(told.size(), body + 4);
        EXPECT_TRUE(two.connection->close_exchange());
        EXPECT_TRUE(two.connection->alive());
    });
}

}  // namespace tl::http
