// For tests only: the engine with one route to the service "orders" behind a server, and services of raw bytes.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "http/fetch.h"
#include "proxy/filter.h"
#include "proxy/pipeline.h"
#include "rt/event.h"

namespace tl::proxy {

using namespace std::chrono_literals;

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
    bool keeps = false;      // the connection stays open behind the answer
    base::Duration delay{};  // before the answer
    std::string heads;       // of all requests, as they came

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
        if (delay.count() > 0) co_await rt::sleep(delay, &cancel_);
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

inline constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

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
    UpstreamRule upstream_rule;
    telemetry::NameId caller = telemetry::kNoName;
    bool trusts_callers = false;
    std::vector<std::shared_ptr<const Filter>> filters;
    telemetry::NameTable names;
    SharedTrials trials;
    std::optional<Engine> engine;
    std::optional<http::Server> server;
    std::vector<Outcome> outcomes;

  private:
    rt::Task<void> play(Story story) {
        engine.emplace(names, trials, [this](const OutcomeReport& report) { outcomes.push_back(report.outcome); }, 64);
        const telemetry::NameId id = names.intern("orders");
        engine->set_upstream("orders", id, 0, upstream_rule);
        auto door = std::make_shared<Door>();
        door->caller = caller;
        door->trusts_callers = trusts_callers;
        Route route;
        route.rule.path = PathPattern::parse("/*").value();
        route.service = "orders";
        route.service_id = id;
        route.traffic = rule;
        set_filters(route, filters);
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

inline net::Address nobody() {
    const auto fd = net::open_listener(net::Address::loopback(0), {});
    const net::Address address = net::Address::loopback(net::bound_port(*fd));
    ::close(*fd);
    return address;
}

}  // namespace tl::proxy
