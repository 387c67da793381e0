#include "supervisor/guard.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "net/listener.h"
#include "rt/gate.h"
#include "rt/process.h"
#include "supervisor/run_state.h"
#include "supervisor/supervisor_testing.h"
#include "supervisor/sweep.h"

namespace tl::supervisor {

using namespace std::chrono_literals;

namespace {

// Processes with the marker that still run.
std::vector<int> marked(const std::string& run_id) {
    std::vector<int> pids;
    for (const auto& entry : std::filesystem::directory_iterator{"/proc"}) {
        const std::string name = entry.path().filename();
        if (name.find_first_not_of("0123456789") != std::string::npos) continue;
        std::ifstream in{entry.path() / "environ"};
        const std::string environment{std::istreambuf_iterator<char>{in}, {}};
        if (environment.find("TRUNKLINE_RUN=" + run_id) != std::string::npos) pids.push_back(std::stoi(name));
    }
    return pids;
}

bool eventually(const std::function<bool()>& holds, base::Duration most = 5s) {
    const base::TimePoint deadline = base::steady_now() + most;
    while (base::steady_now() < deadline) {
        if (holds()) return true;
        std::this_thread::sleep_for(10ms);
    }
    return holds();
}

// A service with a child, and a grandchild that left session and group: none of the kernel's ways reaches that one.
rt::ProcessSpec family(const std::string& run_id) {
    return {.argv = {"/bin/sh", "-c", "setsid sh -c 'sleep 1000 & sleep 1000' & sleep 1000 & wait"},
            .env = {"PATH=/usr/bin:/bin", "TRUNKLINE_RUN=" + run_id}};
}

constexpr size_t kFamily = 5;

// Stands for Trunkline: runs a guard and a family until it is killed.
[[noreturn]] void be_main(const std::string& run_id, const std::string& folder, bool with_guard) {
    Guard guard;
    if (with_guard && !guard.start({.run_id = run_id, .state_dir = folder, .cgroups = {}})) ::_exit(1);
    rt::Loop loop;
    loop.run_until_done([](std::string id, std::string state_dir) -> rt::Task<void> {
        EXPECT_TRUE(net::open_listener(net::Address::unix_path(state_dir + "/admin.sock").value(), {}));
        EXPECT_TRUE(remember_run(state_dir, id, {}));
        const auto process = rt::Process::spawn(family(id));
        co_await rt::sleep(1000s);
    }(run_id, folder));
    ::_exit(1);
}

pid_t fork_main(const std::string& run_id, const TestFolder& folder, bool with_guard) {
    const pid_t pid = ::fork();
    if (pid == 0) be_main(run_id, folder.path(), with_guard);
    return pid;
}

void kill_and_reap(pid_t pid) {
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
}

}  // namespace

TEST(Guard, after_kill_9_no_process_and_no_socket_is_left) {
    const TestFolder folder;
    const std::string run_id = make_run_id();
    const pid_t main = fork_main(run_id, folder, true);
    ASSERT_TRUE(eventually([&] { return marked(run_id).size() >= kFamily; })) << marked(run_id).size();
    ASSERT_TRUE(std::filesystem::exists(folder.path() + "/admin.sock"));
    kill_and_reap(main);
    EXPECT_TRUE(eventually([&] { return marked(run_id).empty(); }));
    EXPECT_TRUE(eventually([&] { return !std::filesystem::exists(folder.path() + "/admin.sock"); }));
}

TEST(Guard, leaves_the_sockets_of_the_next_run_alone) {
    const TestFolder folder;
    const std::string run_id = make_run_id();
    const pid_t main = fork_main(run_id, folder, true);
    ASSERT_TRUE(eventually([&] { return marked(run_id).size() >= kFamily; }));
    ASSERT_TRUE(std::filesystem::exists(folder.path() + "/admin.sock"));
    // The next run has begun before the guard has got so far: it holds the lock, and the socket is its own.
    const auto next = StateLock::acquire(folder.path());
    ASSERT_TRUE(next.has_value());
    kill_and_reap(main);
    EXPECT_TRUE(eventually([&] { return marked(run_id).empty(); }));
    std::this_thread::sleep_for(200ms);
    EXPECT_TRUE(std::filesystem::exists(folder.path() + "/admin.sock"));
}

TEST(Guard, without_one_the_next_start_cleans_up) {
    const TestFolder folder;
    const std::string run_id = make_run_id();
    const pid_t main = fork_main(run_id, folder, false);
    ASSERT_TRUE(eventually([&] { return marked(run_id).size() >= kFamily; }));
    kill_and_reap(main);
    std::this_thread::sleep_for(100ms);
    ASSERT_FALSE(marked(run_id).empty()) << "the grandchild should have survived: this test would show nothing";
    const Leftovers found = clean_leftovers(folder.path());
    EXPECT_GE(found.processes, 1U);
    EXPECT_EQ(found.sockets, 1U);
    EXPECT_TRUE(marked(run_id).empty());
    EXPECT_FALSE(clean_leftovers(folder.path()).any());
}

TEST(Guard, says_goodbye_and_touches_nothing_after_a_clean_exit) {
    const TestFolder folder;
    rt::Loop loop;
    const std::string run_id = make_run_id();
    loop.run_until_done([](std::string id, std::string state_dir) -> rt::Task<void> {
        auto guard = start_guard({.run_id = id, .state_dir = state_dir, .cgroups = {}});
        EXPECT_TRUE(guard.has_value());
        auto bystander = rt::Process::spawn({.argv = {"/bin/sleep", "1000"}, .env = {"TRUNKLINE_RUN=" + id}});
        (*guard)->clean_exit();
        EXPECT_EQ(::kill((*guard)->pid(), 0), -1);
        EXPECT_TRUE(bystander->running());
        co_return;
    }(run_id, folder.path()));
}

TEST(Guard, is_started_again_when_it_dies) {
    const TestFolder folder;
    rt::Loop loop;
    loop.run_until_done([](std::string id, std::string state_dir) -> rt::Task<void> {
        Guard guard;
        EXPECT_TRUE(guard.start({.run_id = id, .state_dir = state_dir, .cgroups = {}}));
        rt::Gate gate;
        rt::Cancel cancel;
        gate.spawn("watch", guard.watch({base::kNever, &cancel}));
        const pid_t first = guard.pid();
        ::kill(first, SIGKILL);
        for (int i = 0; i < 200 && guard.pid() == first; ++i) co_await rt::sleep(10ms);
        EXPECT_NE(guard.pid(), first);
        EXPECT_EQ(::kill(guard.pid(), 0), 0);
        cancel.request();
        co_await gate.closed();
        guard.clean_exit();
        EXPECT_EQ(::kill(guard.pid(), 0), -1);
    }(make_run_id(), folder.path()));
}

TEST(StateLock, a_second_one_is_refused_and_told_who_holds_it) {
    const TestFolder folder;
    {
        const auto first = StateLock::acquire(folder.path() + "/state");
        ASSERT_TRUE(first.has_value());
        const auto second = StateLock::acquire(folder.path() + "/state");
        ASSERT_FALSE(second.has_value());
        EXPECT_EQ(second.error().code, base::Code::conflict);
        EXPECT_NE(second.error().message().find("process " + std::to_string(::getpid())), std::string::npos);
    }
    EXPECT_TRUE(StateLock::acquire(folder.path() + "/state").has_value());
}

TEST(Sweep, a_marker_is_found_wherever_it_stands_in_a_long_environment) {
    rt::Loop loop;
    loop.run_until_done([]() -> rt::Task<void> {
        const std::string id = make_run_id();
        // Around the places where one piece of the file ends and the next begins.
        for (size_t before = 16'300; before < 16'400; before += 7) {
            auto process = rt::Process::spawn({.argv = {"/bin/sleep", "1000"},
                                               .env = {"A=" + std::string(before, 'x'), "TRUNKLINE_RUN=" + id, "B=1"}});
            EXPECT_EQ(sweep::kill_marked("TRUNKLINE_RUN=" + id), 1U) << before;
            const auto ended = co_await process->wait(rt::this_loop().within(5s));
            EXPECT_EQ(ended->signal, SIGKILL);
        }
    }());
}

TEST(Guard, is_called_by_its_own_name_where_processes_are_listed) {
    Guard guard;
    ASSERT_TRUE(guard.start({.run_id = make_run_id(), .state_dir = "/nowhere", .cgroups = {}}));
    const auto listed = [&] {
        std::ifstream in{fmt::format("/proc/{}/cmdline", guard.pid())};
        std::string words;
        std::getline(in, words, '\0');
        return words;
    };
    EXPECT_TRUE(eventually([&] { return listed() == "trunkline-guard"; })) << listed();
    guard.clean_exit();
}

}  // namespace tl::supervisor
