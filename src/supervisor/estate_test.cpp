// Live processes of another program in the same process: here they are forked by the test itself.
#include "supervisor/estate.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "supervisor/run_state.h"
#include "supervisor/supervisor.h"
#include "supervisor/supervisor_testing.h"

namespace tl::supervisor {

using namespace std::chrono_literals;

namespace {

struct Child {
    pid_t pid = -1;
    int out = -1;
};

// Says "lo" and a line, when its pipe `go` ends, then sleeps.
Child start_child(int go) {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
    const pid_t pid = ::fork();
    if (pid == 0) {
        ::setpgid(0, 0);
        ::dup2(ends[1], STDOUT_FILENO);
        ::dup2(go, STDIN_FILENO);
        ::execl("/bin/sh", "sh", "-c", "read x; echo lo; exec sleep 1000", nullptr);
        ::_exit(127);
    }
    ::close(ends[1]);
    return {pid, ends[0]};
}

ServiceSpec orders(const TestFolder& folder) {
    ServiceSpec spec{.name = "orders", .folder = folder.path()};
    spec.run.run = "exec sleep 1000";
    spec.run.replicas = 2;
    spec.run.restart = {.first = 1ms, .most = 20ms, .reset_after = 10s, .crash_loop_after = 3};
    return spec;
}

std::vector<InstanceStatus> instances(const Supervisor& supervisor) { return supervisor.status().at(0).instances; }

template <class Holds>
rt::Task<void> until(Holds holds) {
    for (int i = 0; i < 1000 && !holds(); ++i) co_await rt::sleep(5ms);
    EXPECT_TRUE(holds());
}

bool said(Supervisor& supervisor, const std::string& text) {
    const auto lines = supervisor.logs().of_service("orders", 100);
    return std::ranges::any_of(lines, [&](const LogLinePtr& line) { return line->text == text; });
}

}  // namespace

TEST(Estate, processes_run_on_with_their_output_and_what_waited_goes_on_waiting) {
    rt::Loop loop;
    TestFolder folder;
    FakeBook book;
    FakeAddresses addresses;
    int go[2];
    ASSERT_EQ(::pipe2(go, O_CLOEXEC), 0);
    const Child child = start_child(go[0]);
    ServiceEstate left{.name = "orders", .next_ordinal = 5, .started = true};
    InstanceEstate live{.id = "orders-3", .version = "1", .state = InstanceState::running, .was_ready = true};
    live.restarts = 2;
    live.pid = child.pid;
    live.port = 28100;
    live.out = {child.out, "hel"};
    InstanceEstate waits{.id = "orders-4", .version = "1", .state = InstanceState::backoff, .failures = 1};
    waits.next_start = 50ms;
    left.instances = {live, waits};
    Estate estate{.services = {left}, .lines = {}};
    estate.lines = {std::make_shared<const LogLine>(
        LogLine{base::wall_now(), "orders", "orders-3", Stream::out, "a line of before"})};
    loop.run_until_done([](TestFolder& of, FakeBook& records, FakeAddresses& known, const Estate& from, Child run,
                           int begin) -> rt::Task<void> {
        Supervisor supervisor{{.run_id = make_run_id(),
                               .ports = {.first = 28101, .last = 28199},
                               .inherited = {"PATH=/usr/bin:/bin"},
                               .cgroup_root = "/no/cgroups"},
                              records,
                              known};
        std::vector<ServiceSpec> specs;
        specs.push_back(orders(of));
        // The registry knows the live one from the program before.
        records.running["orders-3"] = {.service = "orders", .id = "orders-3"};
        supervisor.resume(std::move(specs), from);
        const auto now = instances(supervisor);
        EXPECT_EQ(now.size(), 2U);
        EXPECT_EQ(now.at(0).pid, run.pid);
        EXPECT_EQ(now.at(0).restarts, 2U);
        EXPECT_EQ(now.at(1).pid, 0) << "it was to wait";
        EXPECT_TRUE(said(supervisor, "a line of before"));
        ::close(begin);
        co_await until([&] { return said(supervisor, "hello"); });
        co_await until([&] { return instances(supervisor).at(1).pid != 0; });
        ::kill(run.pid, SIGKILL);  // it is ours: its end is seen, told, and made good
        co_await until([&] { return instances(supervisor).at(0).restarts == 3; });
        co_await until([&] { return instances(supervisor).at(0).state == InstanceState::running; });
        const auto left_now = supervisor.estate();
        EXPECT_EQ(left_now.services.at(0).next_ordinal, 5U);
        EXPECT_EQ(left_now.services.at(0).instances.at(0).id, "orders-3");
        EXPECT_GT(left_now.services.at(0).instances.at(0).pid, 0);
        EXPECT_GE(left_now.services.at(0).instances.at(0).out.fd, 0);
        co_await supervisor.stop_all(rt::this_loop().now() + 3s);
    }(folder, book, addresses, estate, child, go[1]));
    ::close(go[0]);
    EXPECT_NE(::kill(child.pid, 0), 0);
}

}  // namespace tl::supervisor
