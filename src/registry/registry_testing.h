// What the registry's tests stand on: an HTTP server whose health can be set, balancers that acknowledge as told, and a
// registry between them, all on one loop. For tests only.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "http/server.h"
#include "registry/registry.h"

namespace tl::registry {

// A service's instance as far as health goes.
class HealthServer final : public http::Handler {
  public:
    HealthServer() : server_(*this, http::ServerLimits{}) {
        const auto fd = net::open_listener(net::Address::loopback(0), {});
        EXPECT_TRUE(fd.has_value());
        EXPECT_TRUE(server_.start(*fd).has_value());
        address_ = server_.address();
    }
    rt::Task<void> handle(http::ServerExchange& exchange) override {
        ++asked;
        if (hangs) {
            co_await rt::wait_for({.cancel = &exchange.cancel()});
            exchange.abort();
            co_return;
        }
        if (delay > base::Duration{0}) co_await rt::sleep(delay, &exchange.cancel());
        const bool fails = failing_share > 0 && dice.unit() < failing_share;
        co_await http::reply(exchange, fails ? 503 : status, "text/plain", "so it is\n");
    }
    [[nodiscard]] const net::Address& address() const { return address_; }
    // Until it has been asked so many times.
    rt::Task<void> when_asked(int times) {
        const base::TimePoint end = rt::this_loop().now() + 3s;
        while (asked < times && rt::this_loop().now() < end) co_await rt::sleep(1ms);
        EXPECT_GE(asked, times);
    }
    rt::Task<void> stop() { return server_.stop(rt::this_loop().now()); }

    uint16_t status = 200;
    bool hangs = false;
    base::Duration delay{0};
    double failing_share = 0;
    base::Random dice{7};
    int asked = 0;

  private:
    http::Server server_;
    net::Address address_;
};

// Balancers: keeps what was published, acknowledges at once, later or never.
class FakeSink final : public proxy::EndpointSink {
  public:
    void publish(proxy::EndpointSetPtr set, std::move_only_function<void()> acknowledged) override {
        sets.push_back(std::move(set));
        if (!ack_after) return;
        if (*ack_after == base::Duration{0}) return acknowledged();
        gate_.spawn("fake ack", ack_later(*ack_after, std::move(acknowledged)));
    }
    // The ids of the newest set of the service, joined by spaces.
    [[nodiscard]] std::string now(std::string_view service) const {
        std::string ids;
        for (const auto& set : sets) {
            if (set->service != service) continue;
            ids.clear();
            for (const proxy::Endpoint& endpoint : set->endpoints) ids += (ids.empty() ? "" : " ") + endpoint.id;
        }
        return ids;
    }
    [[nodiscard]] std::string reason() const { return sets.empty() ? "" : sets.back()->reason; }
    rt::Task<void> stop() { co_await gate_.closed(); }

    std::vector<proxy::EndpointSetPtr> sets;
    std::optional<base::Duration> ack_after = base::Duration{0};  // nullopt: never

  private:
    static rt::Task<void> ack_later(base::Duration after, std::move_only_function<void()> acknowledged) {
        co_await rt::sleep(after);
        acknowledged();
    }
    rt::Gate gate_;
};

class FakeInFlight final : public InFlightSource {
  public:
    rt::Task<base::Result<uint64_t>> in_flight(std::string, std::string, rt::Wait) override {
        ++asked;
        co_return count;
    }
    uint64_t count = 0;
    int asked = 0;
};

class FakeCommands final : public CommandRunner {
  public:
    rt::Task<base::Result<int>> run(std::string command, std::vector<std::pair<std::string, std::string>> added,
                                    rt::Wait wait) override {
        last = std::move(command);
        env = std::map<std::string, std::string>(added.begin(), added.end());
        if (hangs) {
            const rt::Wake wake = co_await rt::wait_for(wait);
            co_return base::fail(rt::wake_error(wake, "running the command"));
        }
        co_return code;
    }
    std::string last;
    std::map<std::string, std::string> env;
    int code = 0;
    bool hangs = false;
};

// Ends with stop().
struct World {
    FakeSink sink;
    FakeInFlight in_flight;
    FakeCommands commands;
    Registry registry{{.sink = &sink, .in_flight = &in_flight, .commands = &commands}};

    // Probes that fit a test's patience.
    static ServiceHealthConfig quick() {
        ServiceHealthConfig config;
        config.health = {.http = "/healthz", .interval = 10ms, .timeout = 200ms, .starting = 2ms};
        return config;
    }
    static ServiceHealthConfig unprobed() {
        ServiceHealthConfig config;
        config.health.none = true;
        return config;
    }
    void add_service(ServiceHealthConfig config) {
        EXPECT_TRUE(registry.add_service({"orders", std::move(config)}).has_value());
    }
    void add(std::string id, net::Address address, Origin origin = Origin::process) {
        const InstanceSpec spec{
            .id = std::move(id), .service = "orders", .address = address, .version = "1", .origin = origin};
        EXPECT_TRUE(registry.add_instance(spec).has_value());
    }
    void report(const std::string& id, proxy::Outcome outcome, int times = 1) {
        for (int i = 0; i < times; ++i) registry.report({"orders", id, outcome});
    }
    [[nodiscard]] ServiceView view() const { return registry.snapshot().services.at(0); }
    [[nodiscard]] InstanceView view(std::string_view id) const {
        for (const InstanceView& instance : view().instances) {
            if (instance.id == id) return instance;
        }
        return {.state = InstanceState::gone};
    }
    [[nodiscard]] InstanceState state(std::string_view id) const { return view(id).state; }
    // Polls: for states that no wait of the registry is for.
    rt::Task<void> expect(std::string id, InstanceState wanted) {
        const base::TimePoint end = rt::this_loop().now() + 3s;
        while (state(id) != wanted && rt::this_loop().now() < end) co_await rt::sleep(1ms);
        EXPECT_EQ(state(id), wanted) << id << ": " << view(id).last_probe;
    }
    rt::Task<void> probed(std::string id, uint64_t times) {
        const base::TimePoint end = rt::this_loop().now() + 3s;
        while (view(id).probes < times && rt::this_loop().now() < end) co_await rt::sleep(1ms);
        EXPECT_GE(view(id).probes, times) << id;
    }
    rt::Task<void> stop() {
        co_await registry.stop();
        co_await sink.stop();
    }
};

// Runs `body` in a world of its own and tears it down.
inline void in_world(rt::Task<void> (*body)(World&)) {
    rt::Loop loop;
    loop.run_until_done([](rt::Task<void> (*test)(World&)) -> rt::Task<void> {
        World world;
        co_await test(world);
        co_await world.stop();
    }(body));
}

inline std::string said(const base::Result<void>& result) { return result ? "ok" : result.error().context; }
inline base::Code code_of(const base::Result<void>& result) {
    return result ? base::Code::internal : result.error().code;
}

}  // namespace tl::registry
