// How sessions end: silence, slowness, peers that vanish, handlers that fail, servers that stop, tunnels.
#include <fcntl.h>
#include <sys/socket.h>

#include <atomic>
#include <thread>

#include "http/http_testing.h"

namespace tl::http {

namespace {

constexpr std::string_view kGet = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
constexpr std::string_view kGetOld = "GET / HTTP/1.0\r\n\r\n";

// Waits for bed.event or the exchange's cancel, then answers.
rt::Task<void> answer_later(Bed& bed, ServerExchange& exchange) {
    const rt::Wake wake = co_await bed.event.wait({rt::this_loop().now() + 5s, &exchange.cancel()});
    bed.log += wake == rt::Wake::ready ? "ready" : wake == rt::Wake::cancelled ? "cancelled" : "timeout";
    if (wake != rt::Wake::ready) co_return;
    [[maybe_unused]] const auto sent = co_await reply(exchange, 200, "text/plain", "late");
}

rt::Task<void> say_nothing(Bed& /*bed*/, ServerExchange& /*exchange*/) { co_return; }

rt::Task<void> say_too_little(Bed& /*bed*/, ServerExchange& exchange) {
    const OutgoingResponse head{.length = {BodyLength::Kind::known, 10}};
    [[maybe_unused]] const auto sent = co_await exchange.send(head, {"12345", false});
}

rt::Task<void> say_too_much(Bed& bed, ServerExchange& exchange) {
    const OutgoingResponse head{.length = {BodyLength::Kind::known, 5}};
    [[maybe_unused]] const auto sent = co_await exchange.send(head, {"123", false});
    const auto more = co_await exchange.send_body({"456", true}, nullptr);
    bed.log = more ? "taken" : "refused";
}

rt::Task<void> break_off_chunks(Bed& /*bed*/, ServerExchange& exchange) {
    const OutgoingResponse head{.length = {BodyLength::Kind::unknown}};
    [[maybe_unused]] const auto sent = co_await exchange.send(head, {"12345", false});
}

rt::Task<void> answer_twice(Bed& bed, ServerExchange& exchange) {
    [[maybe_unused]] const auto first = co_await reply(exchange, 200, "text/plain", "one");
    const auto second = co_await reply(exchange, 500, "text/plain", "two");
    const auto hint = co_await exchange.send_informational({.status = 103});
    const auto more = co_await exchange.send_body({"x", true}, nullptr);
    if (!second && !hint && !more) bed.log = "refused";
}

// Sends without end until a write fails.
rt::Task<void> flood(Bed& bed, ServerExchange& exchange) {
    static const std::string kBlock(64 * 1024, 'f');
    auto sent = co_await exchange.send({.length = {BodyLength::Kind::unknown}}, {kBlock, false});
    size_t blocks = 1;
    while (sent && blocks < 10'000) {
        sent = co_await exchange.send_body({kBlock, false}, nullptr);
        ++blocks;
    }
    bed.log = blocks < 1000 ? "blocked, " : "swallowed, ";
    if (!sent) bed.log += base::to_string(sent.error().code);
}

// Turns bytes around, the early ones first.
rt::Task<void> tunnel_echo(Bed& /*bed*/, ServerExchange& exchange) {
    const auto sent = co_await exchange.send({.status = 101, .upgrade = "echo"}, {{}, true});
    if (!sent) co_return;
    const Tunnel tunnel = exchange.tunnel();
    const rt::Wait wait{base::kNever, &exchange.cancel()};
    auto written = co_await tunnel.stream->write_all(tunnel.early, wait);
    for (;;) {
        char bytes[100];
        const auto got = co_await tunnel.stream->read_some(bytes, wait);
        if (!got || *got == 0) co_return;
        written = co_await tunnel.stream->write_all({bytes, *got}, wait);
        if (!written) co_return;
    }
}

// Says its last word at once and hears the other side out.
rt::Task<void> tunnel_listen(Bed& bed, ServerExchange& exchange) {
    const auto sent = co_await exchange.send({.status = 101, .upgrade = "echo"}, {{}, true});
    if (!sent) co_return;
    const Tunnel tunnel = exchange.tunnel();
    tunnel.stream->shutdown_write();
    co_await rt::sleep(5ms);  // the client's bytes and its end arrive together
    char bytes[100];
    const auto got = co_await tunnel.stream->read_some(bytes, {base::kNever, &exchange.cancel()});
    if (got) bed.log.assign(bytes, *got);
    if (exchange.cancel().requested()) bed.log += " but cancelled";
}

void reset(net::Stream& stream) { stream.reset_on_close(); }

}  // namespace

TEST(Http1SessionEnd, a_slow_head_gets_408) {
    Bed bed{tell};
    bed.limits.head_deadline = 20ms;
    bed.run([](Bed& b) -> rt::Task<void> {
        const std::string got = co_await b.ask("GET / HTTP/1.1\r\nHos");
        EXPECT_TRUE(got.starts_with("HTTP/1.1 408 ")) << got;
    });
}

TEST(Http1SessionEnd, an_idle_connection_ends_in_silence_before_and_after_a_request) {
    Bed bed{tell};
    bed.limits.head_deadline = 20ms;
    bed.limits.keep_alive = 10ms;
    bed.run([](Bed& b) -> rt::Task<void> {
        const std::string none = co_await b.receive_all();
        EXPECT_EQ(none, "");
        b.client = co_await b.connect();
        const std::string one = co_await b.ask(kGet);
        EXPECT_EQ(one, told("GET / "));
    });
}

TEST(Http1SessionEnd, a_body_that_stops_arriving_is_a_timeout_for_the_handler) {
    Bed bed{tell};
    bed.limits.body_idle = 20ms;
    bed.run([](Bed& b) -> rt::Task<void> {
        const std::string got = co_await b.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab");
        EXPECT_TRUE(got.starts_with("HTTP/1.1 400 ")) << got;
        EXPECT_EQ(b.log, base::to_string(base::Code::timeout));
    });
}

TEST(Http1SessionEnd, a_client_that_does_not_read_stops_the_handler_and_then_loses_the_connection) {
    Bed bed{flood, Link::tcp};
    bed.limits.write_idle = 50ms;
    bed.run([](Bed& b) -> rt::Task<void> {
        co_await b.send(kGet);
        co_await rt::sleep(200ms);
        EXPECT_EQ(b.log, "blocked, timeout");
        EXPECT_EQ(b.server->stats().open, 0U);
    });
}

TEST(Http1SessionEnd, a_reset_in_the_middle_cancels_the_exchange) {
    Bed bed{answer_later, Link::tcp};
    bed.run([](Bed& b) -> rt::Task<void> {
        co_await b.send(kGet);
        co_await rt::sleep(5ms);
        reset(*b.client);
        b.client.reset();
        co_await rt::sleep(5ms);
        EXPECT_EQ(b.log, "cancelled");
    });
}

TEST(Http1SessionEnd, a_client_that_was_gone_before_its_request_was_read_is_cancelled_too) {
    Bed bed{answer_later};
    bed.run([](Bed& b) -> rt::Task<void> {
        // Answered late, so that the second request and the hang-up arrive while nobody watches for them.
        co_await b.send(kGet);
        co_await b.send(kGet);
        b.client.reset();
        co_await rt::sleep(5ms);
        EXPECT_TRUE(b.log.starts_with("cancelled")) << b.log;
        b.log.clear();
        auto ends = net::Stream::pair();
        const auto sent = co_await ends->first->write_all(kGet, b.soon());
        EXPECT_TRUE(sent.has_value());
        ends->first.reset();
        co_await rt::sleep(1ms);
        ends->second->readiness().clear_readable();
        b.server->serve(std::move(ends->second));
        co_await rt::sleep(5ms);
        EXPECT_EQ(b.log, "cancelled");
    });
}

TEST(Http1SessionEnd, a_client_that_half_closes_after_its_request_gets_the_answer) {
    for (const Link link : {Link::pair, Link::tcp}) {
        Bed bed{answer_later, link};
        bed.run([](Bed& b) -> rt::Task<void> {
            co_await b.send(kGet);
            b.client->shutdown_write();
            co_await rt::sleep(5ms);
            b.event.set();
            const std::string got = co_await b.receive_all();
            EXPECT_EQ(got, told("late"));
        });
    }
}

TEST(Http1SessionEnd, a_handler_that_says_nothing_becomes_a_500) {
    Bed bed{say_nothing};
    bed.run([](Bed& b) -> rt::Task<void> {
        co_await b.send(kGet);
        const std::string got = co_await b.receive("made\n");
        EXPECT_TRUE(got.starts_with("HTTP/1.1 500 ")) << got;
    });
}

TEST(Http1SessionEnd, an_answer_that_broke_off_never_ends_cleanly) {
    const Story story = [](Bed& b) -> rt::Task<void> {
        for (const std::string_view request : {kGet, kGetOld}) {
            b.client = co_await b.connect();
            const std::string got = co_await b.ask(request);
            EXPECT_TRUE(got.ends_with("<reset>")) << got;
            EXPECT_EQ(got.find("\r\n0\r\n\r\n"), std::string::npos) << got;
        }
    };
    for (const Answer answer : {say_too_little, say_too_much, break_off_chunks}) {
        Bed bed{answer, Link::tcp};
        bed.run(story);
        if (answer == say_too_much) EXPECT_EQ(bed.log, "refused");
    }
}

TEST(Http1SessionEnd, nothing_can_be_said_after_the_answer) {
    Bed bed{answer_twice};
    bed.run([](Bed& b) -> rt::Task<void> {
        co_await b.send(kGet);
        const std::string got = co_await b.receive("one");
        EXPECT_EQ(got, told("one"));
        co_await rt::sleep(2ms);
        EXPECT_EQ(b.log, "refused");
    });
}

TEST(Http1SessionEnd, bytes_that_come_early_on_either_side_of_an_upgrade_are_passed_on) {
    Bed bed{tunnel_echo};
    bed.run([](Bed& b) -> rt::Task<void> {
        co_await b.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nearly");
        const std::string got = co_await b.receive("early");
        EXPECT_EQ(got, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nearly");
        co_await b.send("later");
        const std::string later = co_await b.receive("later");
        EXPECT_EQ(later, "later");
        b.client->shutdown_write();
        const std::string end = co_await b.receive_all();
        EXPECT_EQ(end, "");
    });
}

TEST(Http1SessionEnd, a_tunnel_that_both_sides_have_finished_is_read_to_its_end) {
    Bed bed{tunnel_listen, Link::tcp};
    bed.run([](Bed& b) -> rt::Task<void> {
        co_await b.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n");
        const std::string head = co_await b.receive("\r\n\r\n");
        EXPECT_TRUE(head.starts_with("HTTP/1.1 101 ")) << head;
        co_await b.send("last words");
        b.client->shutdown_write();
        co_await rt::sleep(10ms);
        EXPECT_EQ(b.log, "last words");
    });
}

TEST(ServerStop, idle_connections_end_at_once_and_requests_in_flight_finish) {
    Bed bed{answer_later};
    bed.run([](Bed& b) -> rt::Task<void> {
        auto idle = co_await b.connect();
        co_await b.send(kGet);
        co_await rt::sleep(2ms);
        rt::Gate gate;
        gate.spawn("stop", b.server->stop(b.loop.now() + 5s));
        char byte = 0;
        const auto end = co_await idle->read_some({&byte, 1}, b.soon());
        EXPECT_TRUE(end && *end == 0);
        EXPECT_EQ(b.log, "");
        b.event.set();
        const std::string got = co_await b.receive_all();
        EXPECT_EQ(got, told("late", "Connection: close\r\n"));
        b.client.reset();
        co_await gate.closed();
    });
}

TEST(ServerStop, a_request_that_was_on_its_way_is_still_answered) {
    Bed bed{tell};
    bed.run([](Bed& b) -> rt::Task<void> {
        co_await rt::sleep(2ms);
        co_await b.send(kGet);  // arrives together with the stop
        rt::Gate gate;
        gate.spawn("stop", b.server->stop(b.loop.now() + 5s));
        const std::string got = co_await b.receive_all();
        EXPECT_EQ(got, told("GET / ", "Connection: close\r\n"));
        b.client.reset();
        co_await gate.closed();
    });
}

TEST(ServerStop, a_connection_that_was_not_accepted_yet_is_still_answered) {
    Bed bed{tell, Link::tcp};
    bed.run([](Bed& b) -> rt::Task<void> {
        co_await rt::sleep(2ms);
        const net::Address where = b.server->address();
        const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
        EXPECT_EQ(::connect(fd, where.raw(), where.length()), 0);
        EXPECT_EQ(::send(fd, kGet.data(), kGet.size(), 0), static_cast<ssize_t>(kGet.size()));
        EXPECT_EQ(::fcntl(fd, F_SETFL, O_NONBLOCK), 0);
        b.client = std::move(*net::make_stream(fd));
        rt::Gate gate;
        gate.spawn("stop", b.server->stop(b.loop.now() + 5s));
        const std::string got = co_await b.receive_all();
        EXPECT_TRUE(got.starts_with("HTTP/1.1 200 OK\r\n")) << got;
        b.client.reset();
        co_await gate.closed();
    });
}

TEST(ServerStop, what_does_not_end_in_time_is_cancelled_and_reset) {
    Bed bed{answer_later, Link::tcp};
    bed.grace = 10ms;
    bed.run([](Bed& b) -> rt::Task<void> {
        co_await b.send(kGet);
        co_await rt::sleep(2ms);
        co_await b.server->stop(b.loop.now() + 10ms);
        EXPECT_EQ(b.log, "cancelled");
        EXPECT_EQ(b.server->stats().open, 0U);
    });
}

TEST(ServerCap, connections_beyond_it_are_closed_and_places_become_free_again) {
    Bed bed{tell, Link::tcp};
    bed.most_connections = 2;
    bed.run([](Bed& b) -> rt::Task<void> {
        auto second = co_await b.connect();
        co_await rt::sleep(2ms);
        auto third = co_await b.connect();
        char byte = 0;
        const auto end = co_await third->read_some({&byte, 1}, b.soon());
        EXPECT_TRUE(end && *end == 0);
        EXPECT_EQ(b.server->stats().open, 2U);
        EXPECT_EQ(b.server->stats().turned_away, 1U);
        second.reset();
        co_await rt::sleep(2ms);
        b.client = co_await b.connect();
        const std::string got = co_await b.ask("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        EXPECT_EQ(got, told("GET / ", "Connection: close\r\n"));
    });
}

// Counts the turns of the loop until `stop`.
rt::Task<void> count_turns(int& turns, bool& stop) {
    while (!stop) {
        ++turns;
        co_await rt::yield();
    }
}

TEST(ServerFairness, a_client_with_many_requests_at_hand_lets_others_have_their_turn) {
    Bed bed{tell};
    bed.run([](Bed& b) -> rt::Task<void> {
        std::string requests;
        for (int i = 0; i < 500; ++i) requests += kGet;
        co_await b.send(requests);
        co_await b.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        rt::Gate gate;
        int turns = 0;
        bool stop = false;
        gate.spawn("count", count_turns(turns, stop));
        const std::string got = co_await b.receive_all();
        stop = true;
        EXPECT_TRUE(got.starts_with("HTTP/1.1 200 "));
        EXPECT_EQ(b.server->stats().requests, 501U);
        EXPECT_GT(turns, 500 / 16);
        co_await gate.closed();
    });
}

// The same for bytes that are thrown away, and for a body: a sender that is faster than this loop.
TEST(ServerFairness, a_client_that_never_stops_sending_does_not_stop_the_loop) {
    Bed bed{tell};
    bed.limits.body = 1ULL << 40;
    bed.run([](Bed& b) -> rt::Task<void> {
        for (const std::string_view head :
             {std::string_view{"GET / HTTP/2.0\r\nHost: a\r\n\r\n"},
              std::string_view{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n"}}) {
            auto ends = net::Stream::pair();
            const int fd = ends->first->fd();
            std::atomic<bool> stop{false};
            std::thread sender{[fd, head, &stop] {
                ::send(fd, head.data(), head.size(), MSG_NOSIGNAL);
                const std::string block(200'000, 'x');
                const auto end = std::chrono::steady_clock::now() + 2s;
                while (!stop && std::chrono::steady_clock::now() < end) {
                    ::send(fd, block.data(), block.size(), MSG_NOSIGNAL);
                }
            }};
            b.server->serve(std::move(ends->second));
            const auto start = base::steady_now();
            for (int turn = 0; turn < 20; ++turn) co_await rt::sleep(1ms);
            EXPECT_LT(base::steady_now() - start, 1s);
            stop = true;
            sender.join();
        }
    });
}

}  // namespace tl::http
