// What the registry finds out by itself: probes over real sockets, callers' outcomes, panic, and a probe that lies.
#include "registry/registry_testing.h"

namespace tl::registry {

namespace {

using enum InstanceState;

// A port of 127.0.0.1 that nobody listens on now.
net::Address free_address() {
    const auto fd = net::open_listener(net::Address::loopback(0), {});
    net::Listener listener;
    EXPECT_TRUE(listener.start(*fd).has_value());
    const net::Address address = listener.address();
    listener.close();
    return address;
}

}  // namespace

TEST(Health, an_instance_gets_nothing_until_its_probe_succeeds) {
    in_world([](World& world) -> rt::Task<void> {
        HealthServer server;
        server.status = 503;
        world.add_service(World::quick());
        world.add("orders-1", server.address());
        const auto too_early = co_await world.registry.wait_healthy("orders-1", rt::this_loop().within(60ms));
        EXPECT_EQ(said(too_early),
                  "waiting until \"orders-1\" is healthy (GET /healthz answered 503): the deadline passed");
        EXPECT_EQ(world.sink.now("orders"), "");
        EXPECT_EQ(world.sink.reason(), "no instance of \"orders\" can take requests: 1 starting");
        server.status = 204;
        const auto healthy_now = co_await world.registry.wait_healthy("orders-1", rt::this_loop().within(3s));
        EXPECT_EQ(said(healthy_now), "ok");
        EXPECT_EQ(world.sink.now("orders"), "orders-1");
        EXPECT_EQ(world.view("orders-1").reason, "GET /healthz answered 204");
        const auto service = co_await world.registry.wait_service_healthy("orders", {});
        EXPECT_EQ(said(service), "ok");
        co_await server.stop();
    });
}

TEST(Health, failures_in_a_row_take_it_out_and_a_success_brings_it_back) {
    in_world([](World& world) -> rt::Task<void> {
        HealthServer sick;
        HealthServer well;
        world.add_service(World::quick());
        world.add("orders-1", sick.address());
        world.add("orders-2", well.address());
        co_await world.registry.wait_healthy("orders-1", rt::this_loop().within(3s));
        co_await world.registry.wait_healthy("orders-2", rt::this_loop().within(3s));
        sick.status = 500;
        co_await world.expect("orders-1", unhealthy);
        EXPECT_EQ(world.view("orders-1").reason, "GET /healthz answered 500, 3 times in a row");
        EXPECT_EQ(world.sink.now("orders"), "orders-2");
        sick.status = 200;
        co_await world.expect("orders-1", healthy);
        EXPECT_EQ(world.sink.now("orders"), "orders-1 orders-2");
        co_await sick.stop();
        co_await well.stop();
    });
}

TEST(Health, a_probe_that_hangs_ends_by_its_timeout_and_there_is_one_at_a_time) {
    in_world([](World& world) -> rt::Task<void> {
        HealthServer server;
        server.hangs = true;
        ServiceHealthConfig config = World::quick();
        config.health.timeout = 150ms;
        world.add_service(config);
        world.add("orders-1", server.address());
        co_await server.when_asked(1);
        co_await rt::sleep(40ms);  // many a pause long
        EXPECT_EQ(server.asked, 1);
        co_await world.probed("orders-1", 1);
        EXPECT_EQ(world.view("orders-1").last_probe, "GET /healthz: no answer within 150ms");
        EXPECT_EQ(world.state("orders-1"), starting);
        co_await server.stop();
    });
}

TEST(Health, a_process_without_health_is_ready_when_its_port_opens) {
    in_world([](World& world) -> rt::Task<void> {
        ServiceHealthConfig config = World::quick();
        config.health.http.reset();
        world.add_service(config);
        const net::Address address = free_address();
        world.add("orders-1", address);
        co_await world.probed("orders-1", 2);
        EXPECT_EQ(world.state("orders-1"), starting);
        EXPECT_NE(world.view("orders-1").last_probe.find("refused"), std::string::npos)
            << world.view("orders-1").last_probe;
        net::Listener listener;
        const auto fd = net::open_listener(address, {});
        EXPECT_TRUE(fd.has_value());
        EXPECT_TRUE(listener.start(*fd).has_value());
        co_await world.expect("orders-1", healthy);
        listener.close();
        co_await world.expect("orders-1", unhealthy);
    });
}

TEST(Health, an_address_without_health_is_healthy_from_the_start) {
    in_world([](World& world) -> rt::Task<void> {
        world.add_service({});
        world.add("orders-1", free_address(), Origin::address);
        EXPECT_EQ(world.state("orders-1"), healthy);
        EXPECT_EQ(world.view("orders-1").reason, "it is not probed: healthy until callers see it fail");
        co_return;
    });
}

TEST(Health, a_command_decides_by_its_exit_code) {
    in_world([](World& world) -> rt::Task<void> {
        ServiceHealthConfig config = World::quick();
        config.health.http.reset();
        config.health.command = "./check";
        config.health.timeout = 20ms;
        world.commands.code = 3;
        world.add_service(config);
        world.add("orders-1", net::Address::loopback(4711));
        co_await world.probed("orders-1", 1);
        EXPECT_EQ(world.view("orders-1").last_probe, "the health command exited with 3");
        EXPECT_EQ(world.commands.last, "./check");
        EXPECT_EQ(world.commands.env.at("PORT"), "4711");
        EXPECT_EQ(world.commands.env.at("INSTANCE"), "orders-1");
        world.commands.code = 0;
        co_await world.expect("orders-1", healthy);
        world.commands.hangs = true;
        co_await world.expect("orders-1", unhealthy);
        EXPECT_EQ(world.view("orders-1").last_probe, "the health command did not end within 20ms");
    });
}

TEST(Health, connection_failures_seen_by_callers_take_it_out_until_the_next_probe) {
    in_world([](World& world) -> rt::Task<void> {
        HealthServer server;
        ServiceHealthConfig config = World::quick();
        config.health.interval = 60ms;
        world.add_service(config);
        world.add("orders-1", server.address());
        co_await world.registry.wait_healthy("orders-1", rt::this_loop().within(3s));
        world.report("orders-1", proxy::Outcome::reset, 2);
        world.report("orders-1", proxy::Outcome::success);
        world.report("orders-1", proxy::Outcome::connect_failed, 2);
        EXPECT_EQ(world.state("orders-1"), healthy);
        world.report("orders-1", proxy::Outcome::reset);
        EXPECT_EQ(world.state("orders-1"), unhealthy);
        EXPECT_EQ(world.view("orders-1").reason, "3 connection failures in a row, seen by callers");
        co_await world.expect("orders-1", healthy);
        EXPECT_EQ(world.view("orders-1").reason, "GET /healthz answered 200");
        co_await server.stop();
    });
}

TEST(Health, a_probe_that_began_before_callers_saw_it_fail_does_not_bring_it_back) {
    in_world([](World& world) -> rt::Task<void> {
        HealthServer server;
        world.add_service(World::quick());
        world.add("orders-1", server.address());
        co_await world.registry.wait_healthy("orders-1", rt::this_loop().within(3s));
        server.delay = 40ms;
        co_await server.when_asked(server.asked + 1);  // and this one is answered later
        const uint64_t answered = world.view("orders-1").probes;
        world.report("orders-1", proxy::Outcome::reset, 3);
        co_await world.probed("orders-1", answered + 1);
        EXPECT_EQ(world.view("orders-1").last_probe, "GET /healthz answered 200");
        EXPECT_EQ(world.state("orders-1"), unhealthy);
        co_await world.expect("orders-1", healthy);
        co_await server.stop();
    });
}

TEST(Health, without_probes_it_is_tried_again_after_a_while) {
    in_world([](World& world) -> rt::Task<void> {
        ServiceHealthConfig config;
        config.passive.retry_after = 40ms;
        world.add_service(config);
        world.add("orders-1", free_address(), Origin::address);
        world.add("orders-2", free_address(), Origin::address);
        world.report("orders-1", proxy::Outcome::connect_failed, 3);
        EXPECT_EQ(world.sink.now("orders"), "orders-2");
        EXPECT_EQ(world.state("orders-1"), unhealthy);
        co_await world.expect("orders-1", healthy);
        EXPECT_EQ(world.view("orders-1").reason, "tried again 40ms after callers saw it fail");
    });
}

TEST(Health, reports_about_others_change_nothing) {
    in_world([](World& world) -> rt::Task<void> {
        world.add_service({});
        world.add("orders-1", free_address(), Origin::address);
        for (int i = 0; i < 5; ++i) {
            world.registry.report({"users", "orders-1", proxy::Outcome::reset});
            world.registry.report({"orders", "orders-9", proxy::Outcome::reset});
            world.report("orders-1", proxy::Outcome::failure);
        }
        EXPECT_EQ(world.state("orders-1"), healthy);
        co_return;
    });
}

TEST(Health, panic_uses_all_and_says_so) {
    in_world([](World& world) -> rt::Task<void> {
        world.add_service({});
        for (const char* id : {"orders-1", "orders-2", "orders-3", "orders-4"})
            world.add(id, free_address(), Origin::address);
        world.report("orders-1", proxy::Outcome::reset, 3);
        world.report("orders-2", proxy::Outcome::reset, 3);
        EXPECT_EQ(world.sink.now("orders"), "orders-3 orders-4");
        world.report("orders-3", proxy::Outcome::reset, 3);
        EXPECT_EQ(world.sink.now("orders"), "orders-1 orders-2 orders-3 orders-4");
        EXPECT_EQ(world.sink.reason(), "panic: only 1 of 4 instances is healthy (threshold 50%), so all are used");
        EXPECT_TRUE(world.view().panic);
        EXPECT_EQ(world.view().healthy, 1U);
        ServiceHealthConfig calm;
        calm.panic_threshold = 0.2;
        EXPECT_TRUE(world.registry.update_service({"orders", calm}).has_value());
        EXPECT_EQ(world.sink.now("orders"), "orders-4");
        co_return;
    });
}

TEST(Health, new_rules_take_effect_on_running_instances) {
    in_world([](World& world) -> rt::Task<void> {
        HealthServer server;
        server.status = 404;
        world.add_service(World::quick());
        world.add("orders-1", server.address());
        co_await world.probed("orders-1", 2);
        EXPECT_EQ(world.state("orders-1"), starting);
        ServiceHealthConfig tolerant = World::quick();
        tolerant.health.status = {200, 499};
        EXPECT_TRUE(world.registry.update_service({"orders", tolerant}).has_value());
        co_await world.expect("orders-1", healthy);
        EXPECT_TRUE(world.registry.update_service({"orders", World::unprobed()}).has_value());
        co_await rt::sleep(20ms);  // one may have been on its way
        const int before = server.asked;
        co_await rt::sleep(50ms);
        EXPECT_EQ(server.asked, before);
        EXPECT_EQ(world.state("orders-1"), healthy);
        co_await server.stop();
    });
}

TEST(Health, a_draining_instance_is_not_probed_and_not_judged) {
    in_world([](World& world) -> rt::Task<void> {
        HealthServer server;
        world.add_service(World::quick());
        world.add("orders-1", server.address());
        co_await world.registry.wait_healthy("orders-1", rt::this_loop().within(3s));
        const auto drained = co_await world.registry.drain("orders-1", "replaced", rt::this_loop().within(1s));
        EXPECT_EQ(said(drained), "ok");
        co_await rt::sleep(20ms);  // one may have been on its way
        const int before = server.asked;
        world.report("orders-1", proxy::Outcome::reset, 5);
        co_await rt::sleep(40ms);
        EXPECT_EQ(server.asked, before);
        EXPECT_EQ(world.state("orders-1"), draining);
        co_await server.stop();
    });
}

// The promise: whatever the probes say, a service that has instances stays reachable.
TEST(Fault, a_flaky_probe_never_empties_a_service_of_two) {
    in_world([](World& world) -> rt::Task<void> {
        HealthServer first;
        HealthServer second;
        ServiceHealthConfig config = World::quick();
        config.health.unhealthy_after = 1;
        config.health.interval = 2ms;
        world.add_service(config);
        world.add("orders-1", first.address());
        world.add("orders-2", second.address());
        co_await world.registry.wait_healthy("orders-1", rt::this_loop().within(3s));
        co_await world.registry.wait_healthy("orders-2", rt::this_loop().within(3s));
        const size_t from = world.sink.sets.size();
        first.failing_share = second.failing_share = 0.5;
        second.dice = base::Random{8};
        const base::TimePoint end = rt::this_loop().now() + 10s;
        while (first.asked + second.asked < 600 && rt::this_loop().now() < end) co_await rt::sleep(1ms);
        size_t alone = 0;
        size_t panics = 0;
        for (size_t i = from; i < world.sink.sets.size(); ++i) {
            const proxy::EndpointSet& set = *world.sink.sets[i];
            EXPECT_FALSE(set.endpoints.empty()) << set.reason;
            if (set.endpoints.size() == 1) ++alone;
            if (set.reason.starts_with("panic")) ++panics;
        }
        // The dice did fall both ways, or nothing was shown.
        EXPECT_GT(alone, 10U);
        EXPECT_GT(panics, 10U);
        co_await first.stop();
        co_await second.stop();
    });
}

TEST(RegistryRestore, publishes_all_instances_of_before_at_once_in_their_states) {
    in_world([](World& world) -> rt::Task<void> {
        world.add_service(World::unprobed());
        const size_t before = world.sink.sets.size();
        const auto known = [](std::string id, InstanceState state) {
            return Registry::Known{
                .spec = {.id = std::move(id), .service = "orders", .address = net::Address::loopback(9)},
                .state = state,
                .reason = "as it was",
                .since = base::WallTime{std::chrono::seconds{7}}};
        };
        const auto restored = world.registry.restore(
            "orders", {known("orders-1", InstanceState::healthy), known("orders-2", InstanceState::unhealthy),
                       known("orders-3", InstanceState::healthy)});
        EXPECT_TRUE(restored.has_value());
        EXPECT_EQ(world.sink.sets.size(), before + 1) << "one set after the other: for a moment somebody is missing";
        EXPECT_EQ(world.sink.now("orders"), "orders-1 orders-3");
        EXPECT_EQ(world.view("orders-1").reason, "as it was");
        EXPECT_EQ(world.view("orders-1").since, base::WallTime{std::chrono::seconds{7}});
        EXPECT_EQ(world.state("orders-2"), InstanceState::unhealthy) << "nobody has tried it since";
        const auto again = world.registry.restore("orders", {known("orders-1", InstanceState::healthy)});
        EXPECT_EQ(code_of(again), base::Code::conflict);
        const auto nobody = world.registry.restore("users", {});
        EXPECT_EQ(code_of(nobody), base::Code::not_found);
        co_return;
    });
}

TEST(RegistryRestore, goes_on_probing) {
    in_world([](World& world) -> rt::Task<void> {
        HealthServer server;
        server.status = 503;
        world.add_service(World::quick());
        Registry::Known known{.spec = {.id = "orders-1", .service = "orders", .address = server.address()},
                              .state = InstanceState::healthy};
        std::vector<Registry::Known> all;
        all.push_back(std::move(known));
        EXPECT_TRUE(world.registry.restore("orders", std::move(all)).has_value());
        EXPECT_EQ(world.state("orders-1"), InstanceState::healthy);
        co_await world.expect("orders-1", InstanceState::unhealthy);
        co_await server.stop();
    });
}

}  // namespace tl::registry
