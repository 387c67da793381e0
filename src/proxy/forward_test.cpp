// A request's way through the engine, between a client and services of the test: what is retried, what is kept, what
// a connection may be used for again.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "http/fetch.h"
#include "proxy/pipeline.h"
#include "rt/event.h"

namespace tl::proxy {

using namespace std::chrono_literals;

namespace {

// A service of raw bytes: takes connections, reads to the end of a head, says `answer` and closes.
class RawService {
  public:
    explicit RawService(std::string answer) : answer_(std::move(answer)) {
        const auto fd = net::open_listener(net::Address::loopback(0), {});
        EXPECT_TRUE(fd.has_value() && listener_.start(*fd).has_value());
        address = listener_.address();
        gate_.spawn("accept", accept_loop());
    }
    rt::Task<void> stop() {
        cancel_.request();
        co_await gate_.closed();
    }
    net::Address address;
    int requests = 0;
    bool keeps = false;  // the connection stays open behind the answer
    std::string heads;   // of all requests, as they came

  private:
    rt::Task<void> accept_loop() {
        for (;;) {
            auto stream = co_await listener_.accept({base::kNever, &cancel_});
            if (!stream) co_return;
            gate_.spawn("serve", serve(std::move(*stream)));
        }
    }
    rt::Task<void> serve(std::unique_ptr<net::Stream> stream) {
        std::string head;
        char byte = 0;
        const rt::Wait wait{base::kNever, &cancel_};
        while (!head.ends_with("\r\n\r\n")) {
            const auto got = co_await stream->read_some({&byte, 1}, wait);
            if (!got || *got == 0) co_return;
            head += byte;
        }
        ++requests;
        heads += head;
        if (!answer_.empty()) {
            [[maybe_unused]] const auto sent = co_await stream->write_all(answer_, wait);
        }
        if (keeps) co_await rt::wait_for(wait);
    }

    std::string answer_;
    net::Listener listener_;
    rt::Cancel cancel_;
    rt::Gate gate_;
};

constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

// The engine with one route to the service "orders", behind a server; `play` runs a story and ends all.
class Stand {
  public:
    using Story = rt::Task<void> (*)(Stand&);

    void run(Story story) { loop.run_until_done(play(story)); }

    // Services in this order get revision after revision.
    void use(const std::vector<net::Address>& addresses) {
        auto set = std::make_shared<EndpointSet>();
        set->service = "orders";
        set->revision = ++revision_;
        for (const auto& address : addresses) {
            set->endpoints.push_back({.id = "orders-" + std::to_string(set->endpoints.size() + 1), .address = address});
        }
        engine->apply_endpoints(set);
    }
    rt::Task<http::FetchResponse> ask(std::string method, std::string body = "",
                                      std::vector<std::pair<std::string, std::string>> headers = {}) {
        auto got = co_await http::fetch({.address = server->address(),
                                         .method = std::move(method),
                                         .target = "/x",
                                         .host = "orders",
                                         .headers = std::move(headers),
                                         .body = std::move(body)},
                                        loop.within(5s));
        EXPECT_TRUE(got.has_value()) << (got ? "" : got.error().message());
        co_return got ? std::move(*got) : http::FetchResponse{};
    }
    // Sends `parts` with `pause` between them and returns the first `most` bytes or what came until the end.
    rt::Task<std::string> speak(std::vector<std::string> parts, base::Duration pause, size_t most) {
        auto stream = co_await net::connect(server->address(), loop.within(5s));
        for (const std::string& part : parts) {
            const auto sent = co_await (*stream)->write_all(part, loop.within(5s));
            if (!sent) break;
            if (&part != &parts.back()) co_await rt::sleep(pause);
        }
        std::string text;
        while (text.size() < most) {
            char bytes[4096];
            const auto got = co_await (*stream)->read_some(bytes, loop.within(5s));
            if (!got || *got == 0) break;
            text.append(bytes, *got);
        }
        co_return text;
    }

    rt::Loop loop;
    TrafficRule rule{.timeout = 300ms, .attempts = 3};
    telemetry::NameTable names;
    std::optional<Engine> engine;
    std::optional<http::Server> server;
    std::vector<Outcome> outcomes;

  private:
    rt::Task<void> play(Story story) {
        engine.emplace(names, [this](const OutcomeReport& report) { outcomes.push_back(report.outcome); }, 64);
        const telemetry::NameId id = names.intern("orders");
        engine->set_upstream("orders", id, 0, {});
        auto door = std::make_shared<Door>();
        Route route;
        route.rule.path = PathPattern::parse("/*").value();
        route.service = "orders";
        route.service_id = id;
        route.traffic = rule;
        std::vector<Route> routes;
        routes.push_back(std::move(route));
        door->routes = RouteTable::make(std::move(routes));
        DoorHandler handler{*engine, door};
        server.emplace(handler, http::ServerLimits{});
        const auto fd = net::open_listener(net::Address::loopback(0), {});
        EXPECT_TRUE(server->start(*fd).has_value());
        co_await story(*this);
        co_await server->stop(loop.now() + 1s);
        co_await engine->stop();
    }
    uint64_t revision_ = 0;
};

net::Address nobody() {
    const auto fd = net::open_listener(net::Address::loopback(0), {});
    const net::Address address = net::Address::loopback(net::bound_port(*fd));
    ::close(*fd);
    return address;
}

}  // namespace

TEST(Forward, repeats_what_is_safe_and_never_what_may_have_had_its_effect) {
    Stand stand;
    stand.run([](Stand& s) -> rt::Task<void> {
        struct Case {
            const char* method;
            const char* body;
            bool repeated;
        };
        const Case cases[] = {{"GET", "", true},    {"HEAD", "", true},       {"PUT", "small", true},
                              {"DELETE", "", true}, {"POST", "small", false}, {"PATCH", "small", false}};
        for (const Case& one : cases) {
            RawService breaks{""};
            s.use({breaks.address, breaks.address, breaks.address});
            const auto answer = co_await s.ask(one.method, one.body);
            EXPECT_EQ(answer.status, 502) << one.method;
            EXPECT_EQ(breaks.requests, one.repeated ? 3 : 1) << one.method;
            co_await breaks.stop();
        }
    });
}

TEST(Forward, sends_even_a_post_elsewhere_when_nobody_took_the_connection) {
    Stand stand;
    stand.run([](Stand& s) -> rt::Task<void> {
        RawService well{std::string{kOk}};
        const net::Address gone = nobody();
        for (int i = 0; i < 8; ++i) {
            s.use({gone, well.address});
            const auto answer = co_await s.ask("POST", "order");
            EXPECT_EQ(answer.status, 200);
        }
        EXPECT_EQ(well.requests, 8);
        co_await well.stop();
    });
}

TEST(Forward, does_not_blame_a_service_for_a_client_that_sends_slowly) {
    Stand stand;
    stand.run([](Stand& s) -> rt::Task<void> {
        struct Reads final : http::Handler {
            rt::Task<void> handle(http::ServerExchange& exchange) override {
                const auto body = co_await http::read_all(exchange, 1000);
                [[maybe_unused]] const auto sent =
                    co_await http::reply(exchange, 200, "text/plain", body.value_or("?"));
            }
        } reads;
        http::Server service{reads, http::ServerLimits{}};
        const auto fd = net::open_listener(net::Address::loopback(0), {});
        EXPECT_TRUE(service.start(*fd).has_value());
        s.use({service.address()});
        const std::string text = co_await s.speak(
            {"POST /x HTTP/1.1\r\nHost: orders\r\nConnection: close\r\nContent-Length: 4\r\n\r\na", "b", "c", "d"},
            150ms, 4000);
        EXPECT_TRUE(text.starts_with("HTTP/1.1 200")) << text;
        EXPECT_TRUE(text.ends_with("abcd")) << text;
        EXPECT_TRUE(s.outcomes.empty());
        co_await service.stop(s.loop.now());
    });
}

TEST(Forward, gives_a_service_its_timeout_once_it_has_the_whole_request) {
    struct Case {
        const char* name;
        std::vector<std::string> parts;
    };
    Stand stand;
    stand.run([](Stand& s) -> rt::Task<void> {
        const std::string head = "POST /x HTTP/1.1\r\nHost: orders\r\nConnection: close\r\nContent-Length: 2\r\n";
        const std::vector<Case> cases = {{"at once", {head + "\r\nab"}},
                                         {"slowly", {head + "\r\na", "b"}},
                                         {"never asked to continue", {head + "Expect: 100-continue\r\n\r\n"}}};
        for (const Case& one : cases) {
            RawService silent{""};
            silent.keeps = true;
            s.use({silent.address});
            const base::TimePoint began = s.loop.now();
            const std::string text = co_await s.speak(one.parts, 100ms, 4000);
            EXPECT_TRUE(text.starts_with("HTTP/1.1 504")) << one.name << ": " << text;
            EXPECT_GE(s.loop.now() - began, 290ms) << one.name;
            EXPECT_LT(s.loop.now() - began, 2s) << one.name;
            co_await silent.stop();
        }
    });
}

TEST(Forward, uses_no_connection_again_that_a_request_body_is_still_owed_on) {
    Stand stand;
    stand.run([](Stand& s) -> rt::Task<void> {
        RawService early{"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n"};
        early.keeps = true;
        s.use({early.address});
        for (int i = 0; i < 2; ++i) {
            const std::string text =
                co_await s.speak({"POST /x HTTP/1.1\r\nHost: orders\r\nContent-Length: 9\r\n\r\na"}, 0ms, 12);
            EXPECT_TRUE(text.starts_with("HTTP/1.1 413")) << text;
        }
        EXPECT_EQ(early.requests, 2);  // it serves one request a connection: so there were two
        co_await early.stop();
    });
}

TEST(Forward, takes_out_what_any_line_of_connection_names) {
    Stand stand;
    stand.run([](Stand& s) -> rt::Task<void> {
        RawService well{std::string{kOk}};
        s.use({well.address});
        co_await s.ask("GET", "",
                       {{"Connection", "close"}, {"Connection", "X-Secret"}, {"X-Secret", "1"}, {"X-Kept", "1"}});
        EXPECT_EQ(well.heads.find("X-Secret"), std::string::npos) << well.heads;
        EXPECT_NE(well.heads.find("X-Kept"), std::string::npos);
        co_await well.stop();
    });
}

TEST(Forward, passes_on_the_length_of_answers_that_have_no_body) {
    Stand stand;
    stand.run([](Stand& s) -> rt::Task<void> {
        struct Case {
            const char* method;
            const char* answer;
        };
        const Case cases[] = {{"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\n"},
                              {"GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\n\r\n"}};
        for (const Case& one : cases) {
            RawService well{one.answer};
            s.use({well.address});
            const std::string text = co_await s.speak(
                {fmt::format("{} /x HTTP/1.1\r\nHost: orders\r\nConnection: close\r\n\r\n", one.method)}, 0ms, 4000);
            EXPECT_NE(text.find("Content-Length: 77\r\n"), std::string::npos) << text;
            EXPECT_TRUE(text.ends_with("\r\n\r\n")) << text;
            co_await well.stop();
        }
    });
}

TEST(Forward, answers_503_for_a_service_without_instances_and_for_one_that_has_no_place) {
    Stand stand;
    stand.run([](Stand& s) -> rt::Task<void> {
        const auto none = co_await s.ask("GET");
        EXPECT_EQ(none.status, 503);
        s.engine->set_upstream("late", telemetry::kOtherName, 0, {});
        EXPECT_EQ(s.engine->upstream(telemetry::kOtherName), nullptr);
        s.engine->set_upstream("other", s.names.intern("other"), 0, {});  // one may be called so all the same
        EXPECT_NE(s.engine->upstream(telemetry::kOtherName), nullptr);
    });
}

TEST(Forward, the_upstream_of_a_removed_service_stays_as_long_as_a_request_may_look_for_it) {
    Stand stand;
    stand.run([](Stand& s) -> rt::Task<void> {
        const telemetry::NameId orders = s.names.intern("orders");
        auto door = std::make_shared<const Door>();  // as a request of the snapshot before holds it
        s.engine->keep_upstreams({}, {door});
        EXPECT_NE(s.engine->upstream(orders), nullptr);
        door.reset();
        s.engine->keep_upstreams({orders}, {});  // another snapshot, which does not bring it back by itself
        EXPECT_EQ(s.engine->upstream(orders), nullptr);
        EXPECT_EQ(s.engine->upstreams(), 0U);
        s.engine->set_upstream("orders", orders, 0, {});
        EXPECT_NE(s.engine->upstream(orders), nullptr);
        s.engine->keep_upstreams({orders}, {});
        EXPECT_NE(s.engine->upstream(orders), nullptr);
        co_return;
    });
}

TEST(Upstream, leaves_out_what_was_tried_but_not_its_successor_of_the_same_name) {
    rt::Loop loop;
    telemetry::NameTable names;
    telemetry::PoolCell cell;
    Upstream upstream{"orders", names, cell};
    base::Random random{1};
    const auto use = [&](uint64_t revision, const std::vector<uint16_t>& ports) {
        auto set = std::make_shared<EndpointSet>();
        set->revision = revision;
        for (const uint16_t port : ports) {
            set->endpoints.push_back({.id = "orders-1", .address = net::Address::loopback(port)});
        }
        upstream.apply(set, loop.now());
    };
    use(2, {1000});
    const auto pick = [&](std::span<const uint64_t> tried) {
        return upstream.pick({}, {.random = random, .now = loop.now(), .tried = tried});
    };
    Instance* const first = pick({});
    ASSERT_NE(first, nullptr);
    const uint64_t serial = first->serial;
    upstream.hold(*first);
    use(3, {1001});
    EXPECT_EQ(upstream.in_flight("orders-1"), 1U);  // the retired one still counts
    EXPECT_NE(pick(std::span{&serial, 1})->serial, serial);
    upstream.release(*first);
    EXPECT_EQ(upstream.in_flight(), 0U);
    use(1, {});  // came late
    EXPECT_NE(pick({}), nullptr);
    use(4, {});
    EXPECT_EQ(pick({}), nullptr);
}

}  // namespace tl::proxy
