// Real processes under a supervisor, with a book that stands for registry and balancers.
#include "supervisor/supervisor.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "supervisor/run_state.h"
#include "supervisor/supervisor_testing.h"

namespace tl::supervisor {

using namespace std::chrono_literals;

namespace {

const std::string kServe = "exec sleep 1000";

class World {
  public:
    explicit World(base::Duration stop_within = 3s)
        : stop_within_(stop_within),
          supervisor({.run_id = make_run_id(),
                      .ports = {.first = 28200, .last = 28999},
                      .inherited = {"PATH=/usr/bin:/bin"},
                      .cgroup_root = "/no/cgroups"},
                     book, addresses) {}

    [[nodiscard]] ServiceSpec service(std::string name, std::string run, std::vector<std::string> calls = {}) const {
        ServiceSpec spec{.name = std::move(name), .calls = std::move(calls), .folder = folder.path()};
        spec.run.run = std::move(run);
        spec.run.grace = 2s;
        spec.run.start_deadline = 2s;
        spec.run.restart = {.first = 1ms, .most = 20ms, .reset_after = 10s, .crash_loop_after = 3};
        return spec;
    }

    // Runs `body`, then stops everything.
    template <class Body>
    void play(Body body) {
        loop.run_until_done([](World& world, Body what) -> rt::Task<void> {
            co_await what(world);
            co_await world.supervisor.stop_all(rt::this_loop().now() + world.stop_within_);
            EXPECT_TRUE(world.book.running.empty());
        }(*this, std::move(body)));
    }

    // Waits up to 5 s until `holds`.
    template <class Holds>
    rt::Task<void> until(Holds holds) {
        for (int i = 0; i < 1000 && !holds(); ++i) co_await rt::sleep(5ms);
        EXPECT_TRUE(holds());
    }
    rt::Task<void> all_running(std::string service, size_t count) {
        co_await until([&] { return running(service) == count; });
    }
    [[nodiscard]] size_t running(const std::string& service) const {
        size_t count = 0;
        for (const InstanceStatus& one : instances(service)) count += one.state == InstanceState::running ? 1 : 0;
        return count;
    }
    [[nodiscard]] std::vector<InstanceStatus> instances(const std::string& service) const {
        for (const ServiceStatus& one : supervisor.status()) {
            if (one.name == service) return one.instances;
        }
        return {};
    }
    [[nodiscard]] bool happened(const std::string& event) const { return book.position(event) < book.events.size(); }
    [[nodiscard]] bool said(const std::string& service, const std::string& text) {
        for (const LogLinePtr& line : supervisor.logs().of_service(service, 500)) {
            if (line->text == text) return true;
        }
        return false;
    }

    base::Duration stop_within_;
    rt::Loop loop;
    TestFolder folder;
    FakeBook book;
    FakeAddresses addresses;
    Supervisor supervisor;
};

bool alive(int pid) { return ::kill(pid, 0) == 0; }

}  // namespace

TEST(Supervisor, runs_a_service_with_its_environment_and_reads_what_it_says) {
    World world;
    world.play([](World& w) -> rt::Task<void> {
        auto spec =
            w.service("orders", "echo \"$SERVICE $INSTANCE $PORT $STOCK_URL\"; echo oops >&2; pwd; exec sleep 1000");
        spec.calls = {"stock"};
        spec.run.replicas = 2;
        std::vector<ServiceSpec> specs{spec, w.service("stock", kServe)};
        w.supervisor.start(std::move(specs));
        co_await w.all_running("orders", 2);
        const auto instances = w.instances("orders");
        EXPECT_EQ(instances[0].id, "orders-1");
        EXPECT_NE(instances[0].port, instances[1].port);
        co_await w.until([&] {
            return w.said("orders",
                          "orders orders-2 " + std::to_string(instances[1].port) + " http://127.0.0.1:1/stock");
        });
        co_await w.until([&] { return w.said("orders", "oops") && w.said("orders", w.folder.path()); });
        const auto usage = w.supervisor.status(true)[0].instances[0].usage;
        EXPECT_TRUE(usage.has_value());
        EXPECT_GT(usage->memory, 100'000U);
    });
}

TEST(Supervisor, a_service_starts_when_what_it_calls_is_healthy_and_stops_before_it) {
    World world;
    bool stock_is_up = false;
    world.book.healthy = [&](const StartedInstance& one) { return one.service != "stock" || stock_is_up; };
    world.play([&stock_is_up](World& w) {
        return [](World& v, bool& up) -> rt::Task<void> {
            std::vector<ServiceSpec> specs{v.service("web", kServe, {"orders"}), v.service("orders", kServe, {"stock"}),
                                           v.service("stock", kServe)};
            v.supervisor.start(std::move(specs));
            co_await rt::sleep(100ms);
            EXPECT_TRUE(v.happened("starting stock-1"));
            EXPECT_FALSE(v.happened("starting orders-1"));
            for (const ServiceStatus& one : v.supervisor.status()) {
                if (one.name == "orders") EXPECT_EQ(one.waiting_for, std::vector<std::string>{"stock"});
            }
            up = true;
            co_await v.all_running("web", 1);
        }(w, stock_is_up);
    });
    const auto at = [&](const std::string& event) { return world.book.position(event); };
    EXPECT_LT(at("starting stock-1"), at("starting orders-1"));
    EXPECT_LT(at("starting orders-1"), at("starting web-1"));
    EXPECT_LT(at("gone web-1: Trunkline is stopping"), at("drain orders-1"));
    EXPECT_LT(at("gone orders-1: Trunkline is stopping"), at("drain stock-1"));
}

TEST(Supervisor, a_cycle_of_calls_starts_together_and_a_sick_callee_delays_for_its_deadline_only) {
    World world;
    world.book.healthy = [](const StartedInstance& one) { return one.service != "sick"; };
    world.play([](World& w) -> rt::Task<void> {
        auto sick = w.service("sick", kServe);
        sick.run.start_deadline = 1500ms;
        std::vector<ServiceSpec> specs{w.service("a", kServe, {"b"}), w.service("b", kServe, {"a"}), sick,
                                       w.service("patient", kServe, {"sick"})};
        const base::TimePoint began = rt::this_loop().now();
        w.supervisor.start(std::move(specs));
        co_await w.all_running("a", 1);
        co_await w.all_running("b", 1);
        EXPECT_LT(rt::this_loop().now() - began, 1400ms);
        co_await w.all_running("patient", 1);
        EXPECT_GE(rt::this_loop().now() - began, 1500ms);
    });
}

TEST(Supervisor, a_crash_restarts_the_instance_under_its_name_on_a_new_port) {
    World world;
    world.play([](World& w) -> rt::Task<void> {
        std::vector<ServiceSpec> specs{w.service("orders", kServe)};
        w.supervisor.start(std::move(specs));
        co_await w.all_running("orders", 1);
        const InstanceStatus before = w.instances("orders")[0];
        ::kill(before.pid, SIGKILL);
        co_await w.until([&] { return w.running("orders") == 1 && w.instances("orders")[0].restarts == 1; });
        const InstanceStatus after = w.instances("orders")[0];
        EXPECT_EQ(after.id, before.id);
        EXPECT_NE(after.port, before.port);
        EXPECT_EQ(after.last_exit, "killed by SIGKILL");
        EXPECT_TRUE(w.happened("gone orders-1: killed by SIGKILL"));
    });
}

TEST(Supervisor, what_ends_again_and_again_is_shown_as_a_crash_loop_with_its_last_lines) {
    World world;
    world.book.healthy = [](const StartedInstance&) { return false; };
    world.play([](World& w) -> rt::Task<void> {
        auto crash = w.service("orders", "echo cannot find my config; exit 3");
        crash.run.restart.most = 60s;
        auto lost = w.service("lost", kServe);
        lost.run.dir = "no/such/folder";
        std::vector<ServiceSpec> specs{crash, lost};
        w.supervisor.start(std::move(specs));
        co_await w.until([&] { return w.instances("orders")[0].state == InstanceState::crash_loop; });
        const InstanceStatus loop = w.instances("orders")[0];
        EXPECT_EQ(loop.last_exit, "exited with 3");
        EXPECT_EQ(loop.restarts, 2U);
        EXPECT_EQ(loop.pid, 0);
        EXPECT_GT(loop.next_start, 50s);
        EXPECT_EQ(std::ranges::count(loop.last_lines, "cannot find my config"), 3);
        co_await w.until([&] { return w.instances("lost")[0].state == InstanceState::crash_loop; });
        EXPECT_NE(w.instances("lost")[0].last_exit.find("no/such/folder"), std::string::npos);
    });
}

TEST(Supervisor, a_stop_drains_first_then_ends_the_whole_group) {
    World world;
    world.book.in_flight = 150ms;
    world.play([](World& w) -> rt::Task<void> {
        // The shell ends at once; its child takes 200 ms to put its things away.
        std::vector<ServiceSpec> specs{w.service(
            "orders", "sh -c 'trap \"sleep 0.2; echo tidy; exit 0\" TERM; while :; do sleep 0.01; done' & wait")};
        w.supervisor.start(std::move(specs));
        co_await w.all_running("orders", 1);
        co_await rt::sleep(50ms);
        const int pid = w.instances("orders")[0].pid;
        const base::TimePoint began = rt::this_loop().now();
        co_await w.supervisor.stop_all(began + 5s);
        EXPECT_GE(rt::this_loop().now() - began, 350ms);
        EXPECT_LT(rt::this_loop().now() - began, 1500ms);
        EXPECT_FALSE(alive(pid));
        EXPECT_TRUE(w.said("orders", "tidy"));
        EXPECT_LT(w.book.position("drain orders-1"), w.book.position("gone orders-1: Trunkline is stopping"));
    });
}

TEST(Supervisor, what_does_not_listen_to_sigterm_is_killed_at_the_deadline) {
    World world;
    world.play([](World& w) -> rt::Task<void> {
        std::vector<ServiceSpec> specs{w.service("deaf", "trap '' TERM; while :; do sleep 0.01; done", {"below"}),
                                       w.service("below", "trap '' TERM; while :; do sleep 0.01; done")};
        w.supervisor.start(std::move(specs));
        co_await w.all_running("deaf", 1);
        const int pid = w.instances("deaf")[0].pid;
        co_await rt::sleep(50ms);
        const base::TimePoint began = rt::this_loop().now();
        co_await w.supervisor.stop_all(began + 400ms);
        EXPECT_LT(rt::this_loop().now() - began, 900ms);
        EXPECT_GE(rt::this_loop().now() - began, 350ms);
        EXPECT_FALSE(alive(pid));
    });
}

TEST(Supervisor, a_rolling_restart_always_keeps_as_many_running_as_are_wanted) {
    World world;
    world.play([](World& w) -> rt::Task<void> {
        auto spec = w.service("orders", kServe);
        spec.run.replicas = 2;
        std::vector<ServiceSpec> specs{spec};
        w.supervisor.start(std::move(specs));
        co_await w.all_running("orders", 2);
        rt::Gate gate;
        bool done = false;
        size_t least = 100;
        auto watch = [](World& v, bool& end, size_t& out) -> rt::Task<void> {
            while (!end) {
                out = std::min(out, v.book.running.size());
                co_await rt::sleep(1ms);
            }
        };
        gate.spawn("watch", watch(w, done, least));
        const auto restarted = co_await w.supervisor.restart("orders");
        EXPECT_TRUE(restarted.has_value());
        done = true;
        co_await gate.closed();
        EXPECT_EQ(least, 2U);
        EXPECT_EQ(w.instances("orders")[0].id, "orders-3");
        EXPECT_EQ(w.instances("orders")[1].id, "orders-4");
        EXPECT_LT(w.book.position("gone orders-1: replaced by orders-3"), w.book.position("starting orders-4"));
        const auto unknown = co_await w.supervisor.restart("ordres");
        EXPECT_EQ(unknown.error().code, base::Code::not_found);
    });
}

TEST(Supervisor, a_new_version_that_does_not_become_healthy_leaves_the_old_one_alone) {
    World world;
    world.book.healthy = [](const StartedInstance& one) { return one.version == "1"; };
    world.play([](World& w) -> rt::Task<void> {
        auto spec = w.service("orders", kServe);
        std::vector<ServiceSpec> specs{spec};
        w.supervisor.start(specs);
        co_await w.all_running("orders", 1);
        const int pid = w.instances("orders")[0].pid;

        specs[0].run.version = "sick";
        specs[0].run.start_deadline = 100ms;
        const auto late = co_await w.supervisor.apply(specs);
        EXPECT_TRUE(late[0].error && late[0].error->message().starts_with(
                                         "orders-1 stays: its successor orders-2 was not healthy within 100ms"));

        specs[0].run.version = "3";
        specs[0].run.run = "echo no config; exit 4";
        specs[0].run.start_deadline = 60s;
        const auto dead = co_await w.supervisor.apply(specs);
        EXPECT_TRUE(dead[0].error.has_value());
        if (!dead[0].error) co_return;
        const std::string message = dead[0].error->message();
        EXPECT_NE(message.find("orders-3 exited with 4 before it was healthy"), std::string::npos) << message;
        EXPECT_NE(message.find("no config"), std::string::npos) << message;

        EXPECT_EQ(w.instances("orders").size(), 1U);
        EXPECT_EQ(w.instances("orders")[0].pid, pid);
        EXPECT_EQ(w.instances("orders")[0].version, "1");
        EXPECT_EQ(w.supervisor.specs()[0].run.version, "1");
        EXPECT_FALSE(w.supervisor.status()[0].last_change.empty());
    });
}

TEST(Supervisor, apply_adds_scales_and_removes) {
    World world;
    world.play([](World& w) -> rt::Task<void> {
        std::vector<ServiceSpec> specs{w.service("orders", kServe), w.service("old", kServe)};
        w.supervisor.start(specs);
        co_await w.all_running("old", 1);
        specs[0].run.replicas = 3;
        specs[1] = w.service("new", kServe, {"orders"});
        const auto up = co_await w.supervisor.apply(specs);
        for (const Outcome& one : up) EXPECT_FALSE(one.error) << one.error->message();
        EXPECT_EQ(w.running("orders"), 3U);
        EXPECT_EQ(w.running("new"), 1U);
        EXPECT_EQ(w.supervisor.status().size(), 2U);
        EXPECT_TRUE(w.happened("gone old-1: its service was removed from the manifest"));
        specs[0].run.replicas = 1;
        (void)co_await w.supervisor.apply(specs);
        EXPECT_EQ(w.instances("orders").size(), 1U);
        EXPECT_EQ(w.instances("orders")[0].id, "orders-1");
        const auto same = co_await w.supervisor.apply(specs);
        EXPECT_EQ(same[0].step.action, Action::keep);
        EXPECT_EQ(w.instances("orders")[0].id, "orders-1");
    });
}

TEST(Supervisor, a_new_version_with_fewer_instances_leaves_none_of_the_old_one) {
    World world;
    world.play([](World& w) -> rt::Task<void> {
        std::vector<ServiceSpec> specs{w.service("orders", kServe)};
        specs[0].run.replicas = 3;
        w.supervisor.start(specs);
        co_await w.all_running("orders", 3);
        specs[0].run.version = "2";
        specs[0].run.replicas = 1;
        const auto outcomes = co_await w.supervisor.apply(specs);
        EXPECT_FALSE(outcomes[0].error);
        EXPECT_EQ(w.instances("orders").size(), 1U);
        EXPECT_EQ(w.instances("orders")[0].version, "2");
    });
}

TEST(Supervisor, a_change_of_a_service_that_still_waits_is_what_it_starts_as) {
    World world;
    bool stock_is_up = false;
    world.book.healthy = [&](const StartedInstance& one) { return one.service != "stock" || stock_is_up; };
    world.play([&stock_is_up](World& w) {
        return [](World& v, bool& up) -> rt::Task<void> {
            std::vector<ServiceSpec> specs{v.service("stock", kServe), v.service("orders", kServe, {"stock"})};
            v.supervisor.start(specs);
            co_await rt::sleep(20ms);
            specs[1].run.version = "2";
            const auto changed = co_await v.supervisor.apply(specs);
            EXPECT_FALSE(changed[1].error.has_value());
            EXPECT_FALSE(v.happened("starting orders-1"));
            up = true;
            co_await v.all_running("orders", 1);
            EXPECT_EQ(v.instances("orders")[0].version, "2");
        }(w, stock_is_up);
    });
}

TEST(Supervisor, stopping_in_the_middle_of_a_change_ends_both) {
    World world;
    world.book.healthy = [](const StartedInstance& one) { return one.version != "slow"; };
    world.play([](World& w) -> rt::Task<void> {
        std::vector<ServiceSpec> specs{w.service("orders", kServe)};
        w.supervisor.start(specs);
        co_await w.all_running("orders", 1);
        specs[0].run.version = "slow";
        specs[0].run.start_deadline = 60s;
        rt::Gate gate;
        std::vector<Outcome> outcomes;
        auto change = [](World& v, std::vector<ServiceSpec> next, std::vector<Outcome>& out) -> rt::Task<void> {
            out = co_await v.supervisor.apply(std::move(next));
        };
        gate.spawn("change", change(w, specs, outcomes));
        gate.spawn("queued", change(w, specs, outcomes));
        co_await w.until([&] { return w.happened("starting orders-2"); });
        co_await w.supervisor.stop_all(rt::this_loop().now() + 2s);
        const rt::Wake ended = co_await gate.closed(rt::this_loop().within(1s));
        EXPECT_EQ(ended, rt::Wake::ready);
        EXPECT_TRUE(outcomes.at(0).error.has_value());
    });
}

TEST(Supervisor, a_torrent_of_output_stops_neither_the_loop_nor_grows_memory) {
    World world;
    world.play([](World& w) -> rt::Task<void> {
        std::vector<ServiceSpec> specs{
            w.service("loud", "exec yes a line of some length that is repeated without an end")};
        w.supervisor.start(std::move(specs));
        co_await w.all_running("loud", 1);
        // The middle one: a busy machine makes some of them late, a loop that is stopped makes all of them late.
        std::vector<base::Duration> naps;
        for (int i = 0; i < 101; ++i) {
            const base::TimePoint before = base::steady_now();
            co_await rt::sleep(1ms);
            naps.push_back(base::steady_now() - before);
        }
        std::ranges::nth_element(naps, naps.begin() + 50);
        EXPECT_LT(naps[50], 50ms);
        EXPECT_LE(w.supervisor.logs().of_service("loud", 10'000).size(), LogRing::kMostLines);
    });
}

}  // namespace tl::supervisor
