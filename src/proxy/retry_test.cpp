// What is tried again, when and where not; hedging; deadlines and marks on the way; breaker and limits as a caller sees
// them. Between a client and services of the test.
#include "proxy/retry.h"

#include <algorithm>

#include "base/hash.h"
#include "base/text.h"
#include "proxy/forward_testing.h"

namespace tl::proxy {

using namespace std::chrono_literals;

namespace {

constexpr const char* kUnavailable = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy";
constexpr const char* kBadGateway = "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n";
constexpr const char* kInternal = "HTTP/1.1 500 Oops\r\nContent-Length: 4\r\n\r\noops";

std::string header(const http::FetchResponse& response, std::string_view name) {
    for (const auto& [key, value] : response.headers) {
        if (base::iequals(key, name)) return value;
    }
    return "";
}

}  // namespace

TEST(Retry, waits_for_a_random_part_of_a_time_that_doubles) {
    base::Random random{7};
    for (const auto& [made, most] : {std::pair{1, 100ms}, {2, 200ms}, {3, 400ms}, {4, 500ms}, {60, 500ms}}) {
        base::Duration longest{};
        base::Duration shortest = 1h;
        for (int i = 0; i < 1000; ++i) {
            const base::Duration wait = backoff(100ms, 500ms, static_cast<size_t>(made), random);
            longest = std::max(longest, wait);
            shortest = std::min(shortest, wait);
        }
        EXPECT_LE(longest, most);
        EXPECT_GT(longest, most * 9 / 10);
        EXPECT_LT(shortest, most / 10);
    }
}

TEST(Retry, reads_retry_after_as_seconds_and_as_a_date) {
    const base::WallTime now{784111777s};  // Sun, 06 Nov 1994 08:49:37 GMT
    EXPECT_EQ(parse_retry_after("120", now), 120s);
    EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:49:47 GMT", now), 10s);
    EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:49:00 GMT", now), 0s);
    for (const char* wrong : {"", "soon", "-1", "1.5", "Sun, 06 Nov 1994"}) {
        EXPECT_FALSE(parse_retry_after(wrong, now)) << wrong;
    }
}

TEST(Retry, asks_another_instance_when_one_says_that_it_is_unavailable) {
    Stand stand;
    stand.rule.timeout = 5s;
    stand.run([](Stand& s) -> rt::Task<void> {
        RawService busy{kUnavailable};
        RawService well{std::string{kOk}};
        for (int i = 0; i < 6; ++i) {
            s.use({busy.address, well.address});
            EXPECT_EQ((co_await s.ask("GET")).status, 200);
        }
        EXPECT_EQ(well.requests, 6);
        EXPECT_GT(busy.requests, 0);
        co_await busy.stop();
        co_await well.stop();
    });
}

TEST(Retry, passes_an_answer_on_that_no_other_try_may_better) {
    Stand stand;
    stand.rule.timeout = 5s;
    stand.upstream_rule.outlier.on = stand.upstream_rule.breaker.on = false;
    stand.run([](Stand& s) -> rt::Task<void> {
        struct Case {
            const char* why;
            const char* method;
            std::string answer;
            size_t instances;
            int asked;
        };
        const Case cases[] = {
            {"a POST may have had its effect", "POST", kUnavailable, 3, 1},
            {"there is nobody else", "GET", kUnavailable, 1, 1},
            {"a 500 is an answer", "GET", kInternal, 3, 1},
            {"a 404 is an answer", "GET", "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone", 3, 1},
            {"all were asked", "GET", kUnavailable, 2, 2},
            {"attempts are used up", "GET", kUnavailable, 5, 3},
            {"one behind has given up", "GET",
             "HTTP/1.1 503 Busy\r\nX-Trunkline-Cause: overloaded\r\nContent-Length: 4\r\n\r\nbusy", 3, 1},
            {"it shall come again later than we wait", "GET",
             "HTTP/1.1 503 Busy\r\nRetry-After: 2\r\nContent-Length: 4\r\n\r\nbusy", 3, 1},
        };
        for (const Case& one : cases) {
            RawService service{one.answer};
            s.use(std::vector<net::Address>(one.instances, service.address));
            const auto answer = co_await s.ask(one.method);
            EXPECT_EQ(answer.body.size(), 4U) << one.why;
            EXPECT_EQ(service.requests, one.asked) << one.why;
            co_await service.stop();
        }
    });
}

TEST(Retry, does_what_is_declared) {
    Stand stand;
    stand.rule.timeout = 5s;
    stand.rule.retry.statuses = {500};
    stand.rule.retry.methods = {"POST"};
    stand.rule.retry.reset = false;
    stand.upstream_rule.outlier.on = false;
    stand.run([](Stand& s) -> rt::Task<void> {
        RawService fails{kInternal};
        s.use({fails.address, fails.address, fails.address});
        EXPECT_EQ((co_await s.ask("POST", "order")).status, 500);
        EXPECT_EQ(fails.requests, 3);
        co_await fails.stop();
        RawService breaks{""};
        s.use({breaks.address, breaks.address, breaks.address});
        EXPECT_EQ((co_await s.ask("GET")).status, 502);
        EXPECT_EQ(breaks.requests, 1);
        co_await breaks.stop();
    });
}

TEST(Retry, honours_retry_after) {
    Stand stand;
    stand.rule.timeout = 5s;
    stand.rule.retry.backoff = 1ms;
    stand.rule.retry.longest_wait = 3s;
    stand.run([](Stand& s) -> rt::Task<void> {
        RawService busy{"HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"};
        s.use({busy.address, busy.address});
        const base::TimePoint began = s.loop.now();
        EXPECT_EQ((co_await s.ask("GET")).status, 503);
        EXPECT_EQ(busy.requests, 2);
        EXPECT_GE(s.loop.now() - began, 1s);
        co_await busy.stop();
    });
}

TEST(Retry, stops_at_its_budget_and_the_dead_service_gets_hardly_more_than_was_asked) {
    Stand stand;
    stand.rule.timeout = 5s;
    stand.rule.retry.backoff = 1ms;
    stand.upstream_rule.breaker.on = stand.upstream_rule.outlier.on = false;
    stand.upstream_rule.budget = {.share = 0.2, .least = 0};
    stand.run([](Stand& s) -> rt::Task<void> {
        RawService dead{kBadGateway};
        s.use({dead.address, dead.address, dead.address, dead.address});
        for (int i = 0; i < 100; ++i) EXPECT_EQ((co_await s.ask("GET")).status, 502);
        EXPECT_EQ(dead.requests, 120);
        co_await dead.stop();
    });
}

TEST(Retry, is_told_to_the_next_hop_and_not_made_for_what_is_a_retry_already) {
    Stand stand;
    stand.rule.timeout = 5s;
    stand.rule.retry.backoff = 1ms;
    stand.trusts_callers = true;
    stand.upstream_rule.breaker.on = stand.upstream_rule.outlier.on = false;
    stand.run([](Stand& s) -> rt::Task<void> {
        RawService dead{kBadGateway};
        s.use({dead.address, dead.address, dead.address});
        co_await s.ask("GET");
        EXPECT_EQ(dead.requests, 3);
        EXPECT_NE(dead.heads.find("X-Request-Attempt: 2\r\n"), std::string::npos);
        EXPECT_NE(dead.heads.find("X-Request-Attempt: 3\r\n"), std::string::npos);
        EXPECT_EQ(dead.heads.find("X-Request-Attempt: 1\r\n"), std::string::npos);
        co_await s.ask("GET", "", {{"X-Request-Attempt", "2"}});
        EXPECT_EQ(dead.requests, 4);
        co_await dead.stop();
    });
}

TEST(Retry, gives_a_try_its_own_time) {
    Stand stand;
    stand.rule.timeout = 5s;
    stand.rule.try_timeout = 100ms;
    stand.rule.retry.backoff = 1ms;
    stand.run([](Stand& s) -> rt::Task<void> {
        RawService silent{""};
        silent.keeps = true;
        RawService well{std::string{kOk}};
        while (silent.requests == 0) {
            s.use({silent.address, well.address});
            const base::TimePoint began = s.loop.now();
            EXPECT_EQ((co_await s.ask("GET")).status, 200);
            EXPECT_LT(s.loop.now() - began, 1s);
        }
        s.use({silent.address});
        EXPECT_EQ((co_await s.ask("POST", "order")).status, 504);  // it may have had its effect
        co_await silent.stop();
        co_await well.stop();
    });
}

TEST(Forward, tells_services_their_time_and_lets_trusted_callers_shorten_it) {
    for (const bool trusted : {false, true}) {
        Stand stand;
        stand.rule.timeout = 3s;
        stand.trusts_callers = trusted;
        stand.run([](Stand& s) -> rt::Task<void> {
            RawService well{std::string{kOk}};
            s.use({well.address});
            const auto told = [&](const char* field) {
                const size_t at = well.heads.rfind(field);
                return at == std::string::npos ? -1 : std::stoi(well.heads.substr(at + std::string_view{field}.size()));
            };
            co_await s.ask("GET");
            EXPECT_GT(told("request-timeout: "), 2000);
            EXPECT_LE(told("request-timeout: "), 3000);
            co_await s.ask("GET", "", {{"X-Request-Timeout", "500ms"}, {"grpc-timeout", "400m"}});
            EXPECT_EQ(told("Request-Timeout: ") <= 400, s.trusts_callers) << told("Request-Timeout: ");
            EXPECT_LE(told("grpc-timeout: "), 400'000);  // bounds its own call, whoever says it
            co_await s.ask("GET", "", {{"X-Request-Timeout", "1h"}, {"x-request-timeout", "9s"}});
            EXPECT_LE(told("equest-Timeout: "), 3000);  // never extended
            co_await well.stop();
        });
    }
}

TEST(Forward, blames_no_instance_for_a_deadline_that_its_caller_cut_short) {
    Stand stand;
    stand.rule.timeout = 5s;
    stand.trusts_callers = true;
    stand.upstream_rule.breaker.consecutive = 3;
    stand.run([](Stand& s) -> rt::Task<void> {
        RawService slow{std::string{kOk}};
        slow.delay = 50ms;
        s.use({slow.address});
        for (int i = 0; i < 6; ++i) {
            EXPECT_EQ((co_await s.ask("GET", "", {{"X-Request-Timeout", "5ms"}})).status, 504);
        }
        EXPECT_EQ((co_await s.ask("GET")).status, 200);
        co_await slow.stop();
    });
}

TEST(Hedge, asks_a_second_instance_when_the_first_takes_long_and_cancels_the_loser) {
    Stand stand;
    stand.rule.timeout = 5s;
    stand.rule.hedge.after = 30ms;
    stand.upstream_rule.outlier.on = false;
    stand.run([](Stand& s) -> rt::Task<void> {
        RawService slow{std::string{kOk}};
        slow.delay = 1200ms;
        RawService well{std::string{kOk}};
        for (int i = 0; i < 6; ++i) {
            s.use({slow.address, well.address});
            const base::TimePoint began = s.loop.now();
            EXPECT_EQ((co_await s.ask("GET")).status, 200);
            EXPECT_LT(s.loop.now() - began, 1s);
            // Nobody waits for the loser.
            Upstream& orders = *s.engine->upstream(s.names.intern("orders"));
            for (int turn = 0; turn < 50 && orders.in_flight() > 0; ++turn) co_await rt::yield();
            EXPECT_EQ(orders.in_flight(), 0U);
        }
        EXPECT_EQ(well.requests, 6);
        EXPECT_GT(slow.requests, 0);
        // What may not be sent twice is not.
        s.use({slow.address, slow.address});
        const int before = slow.requests;
        EXPECT_EQ((co_await s.ask("POST", "order")).status, 200);
        EXPECT_EQ(slow.requests, before + 1);
        co_await slow.stop();
        co_await well.stop();
    });
}

TEST(Hedge, the_cookie_names_the_instance_that_has_answered) {
    Stand stand;
    stand.rule.timeout = 5s;
    stand.rule.hedge.after = 20ms;
    stand.upstream_rule.outlier.on = false;
    stand.upstream_rule.balance.sticky = StickyRule{.cookie = "c", .secret = {1, 2}};
    stand.run([](Stand& s) -> rt::Task<void> {
        RawService first{std::string{kOk}};
        first.delay = 80ms;
        RawService second{std::string{kOk}};
        second.delay = 1500ms;
        for (int i = 0; i < 6; ++i) {
            s.use({first.address, second.address});
            const auto answer = co_await s.ask("GET");
            const auto cookie =
                std::ranges::find(answer.headers, "Set-Cookie", [](const auto& one) { return one.first; });
            EXPECT_NE(cookie, answer.headers.end());
            if (cookie == answer.headers.end()) break;
            const uint64_t token = base::hash("orders-1", base::HashKey{1, 2});
            EXPECT_TRUE(cookie->second.starts_with(fmt::format("c={:016x};", token))) << cookie->second;
        }
        EXPECT_GT(second.requests, 0);
        co_await first.stop();
        co_await second.stop();
    });
}

TEST(Hedge, does_not_take_a_failure_for_an_answer_while_another_try_runs) {
    Stand stand;
    stand.rule.timeout = 5s;
    stand.rule.hedge.after = 20ms;
    stand.upstream_rule.outlier.on = false;
    stand.run([](Stand& s) -> rt::Task<void> {
        RawService breaks{""};
        breaks.delay = 60ms;
        RawService well{std::string{kOk}};
        well.delay = 150ms;
        for (int i = 0; i < 4; ++i) {
            s.use({breaks.address, well.address});
            EXPECT_EQ((co_await s.ask("GET")).status, 200);
        }
        co_await breaks.stop();
        co_await well.stop();
    });
}

TEST(Breaker, answers_for_a_service_that_only_fails_and_says_when_to_come_again) {
    Stand stand;
    stand.rule.timeout = 5s;
    stand.rule.attempts = 1;
    stand.upstream_rule.breaker.open_for = 200ms;
    stand.run([](Stand& s) -> rt::Task<void> {
        RawService dead{kBadGateway};
        s.use({dead.address});
        for (int i = 0; i < 10; ++i) EXPECT_EQ((co_await s.ask("GET")).status, 502);
        const auto refused = co_await s.ask("GET");
        EXPECT_EQ(refused.status, 503);
        EXPECT_EQ(header(refused, "X-Trunkline-Cause"), "circuit_open");
        EXPECT_EQ(header(refused, "Retry-After"), "1");
        EXPECT_NE(refused.body.find("10 failures in a row"), std::string::npos) << refused.body;
        EXPECT_EQ(dead.requests, 10);
        co_await rt::sleep(220ms);
        EXPECT_EQ((co_await s.ask("GET")).status, 502);  // the trial
        EXPECT_EQ((co_await s.ask("GET")).status, 503);
        // A new instance is a new chance, without waiting.
        RawService well{std::string{kOk}};
        s.use({well.address});
        for (int i = 0; i < 20; ++i) EXPECT_EQ((co_await s.ask("GET")).status, 200);
        co_await dead.stop();
        co_await well.stop();
    });
}

TEST(Limiter, answers_503_for_what_a_service_cannot_take_and_streams_hold_no_place) {
    Stand stand;
    stand.rule.timeout = 5s;
    stand.upstream_rule.concurrency = {.requests = 1, .adaptive = false, .queue = 1, .queue_for = 50ms};
    stand.run([](Stand& s) -> rt::Task<void> {
        RawService streams{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"};
        streams.keeps = true;
        s.use({streams.address});
        const std::string ask = "GET /x HTTP/1.1\r\nHost: orders\r\n\r\n";
        for (int i = 0; i < 3; ++i) {
            EXPECT_NE((co_await s.speak({ask}, 0ms, 40)).find("200 OK"), std::string::npos);
        }
        co_await streams.stop();
        RawService slow{std::string{kOk}};
        slow.delay = 300ms;
        s.use({slow.address});
        rt::Gate gate;
        gate.spawn("the first",
                   [](Stand& stand_) -> rt::Task<void> { EXPECT_EQ((co_await stand_.ask("GET")).status, 200); }(s));
        while (slow.requests == 0) co_await rt::sleep(1ms);
        const auto refused = co_await s.ask("GET");
        EXPECT_EQ(refused.status, 503);
        EXPECT_EQ(header(refused, "X-Trunkline-Cause"), "overloaded");
        EXPECT_NE(refused.body.find("its turn did not come within 50ms"), std::string::npos) << refused.body;
        co_await gate.closed();
        EXPECT_EQ((co_await s.ask("GET")).status, 200);
        co_await slow.stop();
    });
}

TEST(Outlier, leaves_a_failing_instance_out_and_the_client_sees_nothing_of_it) {
    Stand stand;
    stand.rule.timeout = 5s;
    stand.rule.retry.backoff = 1ms;
    stand.run([](Stand& s) -> rt::Task<void> {
        RawService bad{kUnavailable};
        RawService one{std::string{kOk}};
        RawService two{std::string{kOk}};
        s.use({bad.address, one.address, two.address});
        for (int i = 0; i < 200; ++i) EXPECT_EQ((co_await s.ask("GET")).status, 200);
        EXPECT_EQ(bad.requests, 5);
        const auto instances = s.engine->upstream(s.names.intern("orders"))->instances();
        EXPECT_EQ(instances[0]->outlier.reason(), "5 failures in a row");
        for (RawService* service : {&bad, &one, &two}) co_await service->stop();
    });
}

}  // namespace tl::proxy
