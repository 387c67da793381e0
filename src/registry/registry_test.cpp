// Services and instances: what is published when, who waits for what, how it ends.
#include "registry/registry.h"

#include "registry/registry_testing.h"
#include "rt/core.h"

namespace tl::registry {

namespace {

using enum InstanceState;

net::Address nowhere() { return net::Address::loopback(9); }

rt::Task<void> keep(rt::Task<base::Result<void>> task, std::optional<base::Result<void>>& out) {
    out = co_await std::move(task);
}

// Balancers on cores of their own, as app/ has them.
class CoresSink final : public proxy::EndpointSink {
  public:
    void publish(proxy::EndpointSetPtr set, std::move_only_function<void()> acknowledged) override {
        struct Round {
            int left = 2;
            std::move_only_function<void()> acknowledged;
        };
        auto round = std::make_shared<Round>(Round{2, std::move(acknowledged)});
        rt::Loop* home = &rt::this_loop();
        for (rt::Core* core : {&first_, &second_}) {
            core->loop().post([set, round, home] {
                home->post([round] {
                    if (--round->left == 0) round->acknowledged();
                });
            });
        }
    }

  private:
    rt::Core first_{"balancer 1"};
    rt::Core second_{"balancer 2"};
};

}  // namespace

TEST(Registry, a_service_without_instances_publishes_an_empty_set_with_its_reason) {
    in_world([](World& world) -> rt::Task<void> {
        world.add_service(World::unprobed());
        EXPECT_EQ(world.sink.sets.size(), 1U);
        EXPECT_EQ(world.sink.now("orders"), "");
        EXPECT_EQ(world.sink.reason(), "\"orders\" has no instance");
        co_return;
    });
}

TEST(Registry, every_change_is_published_inside_the_call_with_a_growing_revision) {
    in_world([](World& world) -> rt::Task<void> {
        world.add_service(World::unprobed());
        world.add("orders-1", nowhere());
        EXPECT_EQ(world.sink.now("orders"), "orders-1");
        world.add("orders-2", nowhere());
        EXPECT_EQ(world.sink.now("orders"), "orders-1 orders-2");
        EXPECT_TRUE(world.registry.remove_instance("orders-1", "exited with 1").has_value());
        EXPECT_EQ(world.sink.now("orders"), "orders-2");
        uint64_t last = 0;
        for (const auto& set : world.sink.sets) {
            EXPECT_GT(set->revision, last);
            last = set->revision;
        }
        EXPECT_EQ(world.registry.revision("orders"), last);
        co_return;
    });
}

TEST(Registry, an_unchanged_set_is_not_published_again) {
    in_world([](World& world) -> rt::Task<void> {
        world.add_service(World::unprobed());
        world.add("orders-1", nowhere());
        const size_t before = world.sink.sets.size();
        EXPECT_TRUE(world.registry.update_service({"orders", World::unprobed()}).has_value());
        EXPECT_EQ(world.sink.sets.size(), before);
        co_return;
    });
}

TEST(Registry, names_that_clash_or_do_not_exist_are_told) {
    in_world([](World& world) -> rt::Task<void> {
        world.add_service(World::unprobed());
        world.add("orders-1", nowhere());
        EXPECT_EQ(said(world.registry.add_service({"orders", {}})), "there is a service \"orders\" already");
        EXPECT_EQ(said(world.registry.add_instance({.id = "orders-1", .service = "orders"})),
                  "there is an instance \"orders-1\" already");
        EXPECT_EQ(said(world.registry.add_instance({.id = "x-1", .service = "x"})), "there is no service \"x\"");
        EXPECT_EQ(code_of(world.registry.update_service({"x", {}})), base::Code::not_found);
        EXPECT_EQ(code_of(world.registry.remove_service("x", "")), base::Code::not_found);
        EXPECT_EQ(code_of(world.registry.remove_instance("x-1", "")), base::Code::not_found);
        const auto drained = co_await world.registry.drain("x-1", "", {});
        EXPECT_EQ(code_of(drained), base::Code::not_found);
        const auto healthy_one = co_await world.registry.wait_healthy("x-1", {});
        EXPECT_EQ(code_of(healthy_one), base::Code::not_found);
        const auto healthy_service = co_await world.registry.wait_service_healthy("x", {});
        EXPECT_EQ(code_of(healthy_service), base::Code::not_found);
        const auto acknowledged = co_await world.registry.wait_acknowledged("x", 1, {});
        EXPECT_EQ(code_of(acknowledged), base::Code::not_found);
    });
}

TEST(Registry, a_restarted_instance_comes_back_under_its_id_with_another_address) {
    in_world([](World& world) -> rt::Task<void> {
        world.add_service(World::unprobed());
        world.add("orders-1", net::Address::loopback(1001));
        EXPECT_TRUE(world.registry.remove_instance("orders-1", "exited with 1").has_value());
        world.add("orders-1", net::Address::loopback(1002));
        EXPECT_EQ(world.sink.sets.back()->endpoints.at(0).address.port(), 1002);
        co_return;
    });
}

TEST(Registry, removal_reaches_the_balancers_of_two_cores_within_milliseconds) {
    rt::Loop loop;
    loop.run_until_done([]() -> rt::Task<void> {
        CoresSink sink;
        Registry registry{{.sink = &sink}};
        EXPECT_TRUE(registry.add_service({"orders", World::unprobed()}).has_value());
        EXPECT_TRUE(registry.add_instance({.id = "orders-1", .service = "orders"}).has_value());
        const base::TimePoint began = base::steady_now();
        EXPECT_TRUE(registry.remove_instance("orders-1", "killed").has_value());
        const uint64_t revision = registry.revision("orders");
        const auto used = co_await registry.wait_acknowledged("orders", revision, rt::this_loop().within(5s));
        EXPECT_EQ(said(used), "ok");
        EXPECT_LT(base::steady_now() - began, 100ms);
        const ServiceView view = registry.snapshot().services.at(0);
        EXPECT_EQ(view.acknowledged, revision);
        EXPECT_EQ(view.propagation.acknowledged, view.propagation.published);
        EXPECT_LT(view.propagation.longest, 100ms);
        co_await registry.stop();
    }());
}

TEST(Registry, a_drain_waits_for_acknowledgement_and_then_for_the_last_request) {
    in_world([](World& world) -> rt::Task<void> {
        world.add_service(World::unprobed());
        world.add("orders-1", nowhere());
        world.add("orders-2", nowhere());
        world.sink.ack_after = 100ms;
        world.in_flight.count = 2;
        rt::Gate gate;
        std::optional<base::Result<void>> drained;
        gate.spawn("drain", keep(world.registry.drain("orders-1", "replaced", rt::this_loop().within(5s)), drained));
        EXPECT_EQ(world.state("orders-1"), draining);
        EXPECT_EQ(world.sink.now("orders"), "orders-2");
        co_await rt::sleep(10ms);
        EXPECT_EQ(world.in_flight.asked, 0);  // not before the acknowledgement
        const base::TimePoint end = rt::this_loop().now() + 3s;
        while (world.in_flight.asked < 3 && rt::this_loop().now() < end) co_await rt::sleep(1ms);
        EXPECT_GE(world.in_flight.asked, 3);
        EXPECT_FALSE(drained.has_value());
        world.in_flight.count = 0;
        co_await gate.closed();
        EXPECT_EQ(said(*drained), "ok");
        EXPECT_GE(world.view().propagation.longest, 99ms);
    });
}

TEST(Registry, a_drain_ends_by_its_deadline_when_a_balancer_never_acknowledges) {
    in_world([](World& world) -> rt::Task<void> {
        world.add_service(World::unprobed());
        world.add("orders-1", nowhere());
        world.sink.ack_after = std::nullopt;
        const base::TimePoint began = base::steady_now();
        const auto drained = co_await world.registry.drain("orders-1", "replaced", rt::this_loop().within(50ms));
        EXPECT_EQ(code_of(drained), base::Code::timeout);
        EXPECT_NE(said(drained).find("every balancer"), std::string::npos) << said(drained);
        EXPECT_LT(base::steady_now() - began, 1s);
        EXPECT_EQ(world.state("orders-1"), draining);
    });
}

TEST(Registry, a_drain_that_runs_out_of_time_says_what_is_left) {
    in_world([](World& world) -> rt::Task<void> {
        world.add_service(World::unprobed());
        world.add("orders-1", nowhere());
        world.in_flight.count = 3;
        const auto drained = co_await world.registry.drain("orders-1", "replaced", rt::this_loop().within(50ms));
        EXPECT_EQ(code_of(drained), base::Code::timeout);
        EXPECT_NE(said(drained).find("3 requests still in flight"), std::string::npos) << said(drained);
    });
}

TEST(Registry, a_drain_ends_when_the_instance_is_gone) {
    in_world([](World& world) -> rt::Task<void> {
        world.add_service(World::unprobed());
        world.add("orders-1", nowhere());
        world.in_flight.count = 3;
        rt::Gate gate;
        std::optional<base::Result<void>> drained;
        gate.spawn("drain", keep(world.registry.drain("orders-1", "replaced", {}), drained));
        co_await rt::sleep(5ms);
        EXPECT_TRUE(world.registry.remove_instance("orders-1", "killed").has_value());
        co_await gate.closed();
        EXPECT_EQ(said(*drained), "ok");
    });
}

TEST(Registry, an_old_acknowledgement_after_a_newer_one_takes_nothing_back) {
    in_world([](World& world) -> rt::Task<void> {
        world.sink.ack_after = 40ms;
        world.add_service(World::unprobed());
        world.sink.ack_after = 5ms;
        world.add("orders-1", nowhere());
        const uint64_t newest = world.registry.revision("orders");
        const auto used = co_await world.registry.wait_acknowledged("orders", newest, rt::this_loop().within(2s));
        EXPECT_EQ(said(used), "ok");
        co_await rt::sleep(60ms);
        EXPECT_EQ(world.view().acknowledged, newest);
    });
}

TEST(Registry, a_removed_service_ends_the_waits_for_it) {
    in_world([](World& world) -> rt::Task<void> {
        world.add_service(World::quick());
        world.add("orders-1", nowhere());
        rt::Gate gate;
        std::optional<base::Result<void>> instance;
        std::optional<base::Result<void>> service;
        gate.spawn("wait", keep(world.registry.wait_healthy("orders-1", {}), instance));
        gate.spawn("wait", keep(world.registry.wait_service_healthy("orders", {}), service));
        co_await rt::sleep(5ms);
        EXPECT_TRUE(world.registry.remove_service("orders", "no longer in the manifest").has_value());
        co_await gate.closed();
        EXPECT_EQ(said(*instance), "\"orders-1\" is gone: no longer in the manifest");
        EXPECT_EQ(code_of(*service), base::Code::not_found);
        EXPECT_EQ(world.sink.reason(), "the service \"orders\" was removed");
        EXPECT_TRUE(world.registry.snapshot().services.empty());
        world.add_service(World::quick());  // and the name is free again, its revisions still growing
        EXPECT_GT(world.sink.sets.back()->revision, world.sink.sets.at(world.sink.sets.size() - 2)->revision);
    });
}

TEST(Registry, stop_ends_probes_that_hang_and_waits_without_a_deadline) {
    in_world([](World& world) -> rt::Task<void> {
        HealthServer server;
        server.hangs = true;
        ServiceHealthConfig config = World::quick();
        config.health.timeout = 1h;
        world.add_service(config);
        world.add("orders-1", server.address());
        rt::Gate gate;
        std::optional<base::Result<void>> waited;
        gate.spawn("wait", keep(world.registry.wait_healthy("orders-1", {}), waited));
        co_await server.when_asked(1);
        const base::TimePoint began = base::steady_now();
        co_await world.registry.stop();
        EXPECT_LT(base::steady_now() - began, 1s);
        co_await gate.closed();
        EXPECT_EQ(code_of(*waited), base::Code::cancelled);
        co_await server.stop();
    });
}

TEST(Registry, the_history_keeps_the_last_changes_with_their_reasons) {
    in_world([](World& world) -> rt::Task<void> {
        world.add_service(World::unprobed());
        for (int i = 0; i < 40; ++i) {
            world.add("orders-1", nowhere());
            EXPECT_TRUE(world.registry.remove_instance("orders-1", "exited with " + std::to_string(i)).has_value());
        }
        const ServiceView view = world.view();
        EXPECT_EQ(view.history.size(), kHistory);
        EXPECT_EQ(view.history.back().to, gone);
        EXPECT_EQ(view.history.back().from, healthy);
        EXPECT_EQ(view.history.back().reason, "exited with 39");
        co_return;
    });
}

TEST(Registry, what_balancers_know_of_an_instance_may_change_while_it_runs) {
    in_world([](World& world) -> rt::Task<void> {
        world.add_service(World::unprobed());
        world.add("orders-1", nowhere());
        const size_t published = world.sink.sets.size();
        EXPECT_TRUE(world.registry.place_instance("orders-1", {"2", "east", 3}).has_value());
        EXPECT_EQ(world.sink.sets.size(), published + 1);
        const proxy::Endpoint& endpoint = world.sink.sets.back()->endpoints.at(0);
        EXPECT_EQ(endpoint.version, "2");
        EXPECT_EQ(endpoint.zone, "east");
        EXPECT_EQ(endpoint.weight, 3U);
        EXPECT_TRUE(world.registry.place_instance("orders-1", {"2", "east", 3}).has_value());
        EXPECT_EQ(world.sink.sets.size(), published + 1);  // nothing new, nothing published
        EXPECT_FALSE(world.registry.place_instance("orders-9", {}).has_value());
        co_return;
    });
}

}  // namespace tl::registry
