#include "supervisor/limits.h"

#include <csignal>

#include "rt/process.h"
#include "supervisor/run_state.h"
#include "supervisor/status.h"
#include "supervisor/supervisor_testing.h"
#include "supervisor/sweep.h"

namespace tl::supervisor {

namespace {

constexpr std::string_view kRunId = "0123456789abcdef0123456789abcdef";
const std::string kHome = "trunkline-0123456789abcdef";

}  // namespace

// The kernel makes the control files when a cgroup is made; here the test does.
TEST(Limits, are_written_as_version_2_wants_them_beside_our_own_group) {
    const TestFolder root;
    root.write("cgroup.controllers", "cpu memory pids");
    root.write("user.slice/cgroup.subtree_control", "cpu memory");
    const std::string home = "user.slice/" + kHome;
    root.write(home + "/cgroup.subtree_control", "");
    for (const char* file : {"cpu.max", "memory.max"}) root.write(home + "/orders-1.0/" + file, "max");
    Cgroups cgroups{root.path(), "0::/user.slice/session-1.scope\n", kRunId};
    ASSERT_EQ(cgroups.homes(), std::vector<std::string>{root.path() + "/" + home});
    const auto cell = cgroups.make_cell("orders-1.0", {.cpu = 1.5, .memory = 64 << 20});
    ASSERT_TRUE(cell.has_value()) << cell.error().message();
    EXPECT_EQ(cell->join(), std::vector<std::string>{root.path() + "/" + home + "/orders-1.0/cgroup.procs"});
    EXPECT_TRUE(root.read(home + "/orders-1.0/cpu.max").starts_with("150000 100000"));
    EXPECT_TRUE(root.read(home + "/orders-1.0/memory.max").starts_with("67108864"));
    EXPECT_TRUE(root.read(home + "/cgroup.subtree_control").starts_with("+"));
}

TEST(Limits, are_written_as_version_1_wants_them_below_our_own_group) {
    const TestFolder root;
    const std::string cpu = "cpu,cpuacct/own/" + kHome + "/orders-1.0/";
    const std::string memory = "memory/" + kHome + "/orders-1.0/";
    for (const char* file : {"cpu.cfs_period_us", "cpu.cfs_quota_us"}) root.write(cpu + file, "");
    root.write(memory + "memory.limit_in_bytes", "");
    Cgroups cgroups{root.path(), "4:memory:/\n2:cpu,cpuacct:/own\n0::/\n", kRunId};
    const auto cell = cgroups.make_cell("orders-1.0", {.cpu = 0.5, .memory = 1 << 20});
    ASSERT_TRUE(cell.has_value()) << cell.error().message();
    EXPECT_EQ(cell->folders.size(), 2U);
    EXPECT_EQ(root.read(cpu + "cpu.cfs_quota_us"), "50000");
    EXPECT_EQ(root.read(memory + "memory.limit_in_bytes"), "1048576");
}

TEST(Limits, where_there_is_no_controller_the_reason_is_given) {
    const TestFolder root;
    Cgroups cgroups{root.path(), "", kRunId};
    EXPECT_TRUE(cgroups.homes().empty());
    const auto cell = cgroups.make_cell("orders-1.0", {.cpu = 1});
    ASSERT_FALSE(cell.has_value());
    EXPECT_EQ(cell.error().message(), "this system has no cgroup controller for it");
}

// With the kernel's own cgroups, where this process may make them.
TEST(Limits, a_busy_process_gets_no_more_than_its_share_of_a_core) {
    rt::Loop loop;
    Cgroups cgroups = Cgroups::of_this_process("/sys/fs/cgroup", make_run_id());
    const auto cell = cgroups.make_cell("busy-1.0", {.cpu = 0.1});
    if (!cell) GTEST_SKIP() << cell.error().message();
    loop.run_until_done([](CgroupCell limited) -> rt::Task<void> {
        auto process = rt::Process::spawn({.argv = {"/bin/sh", "-c", "while :; do :; done"}, .join = limited.join()});
        EXPECT_TRUE(process.has_value()) << process.error().message();
        co_await rt::sleep(std::chrono::seconds{1});
        const auto usage = usage_of(process->pid());
        EXPECT_GT(usage->cpu, std::chrono::milliseconds{20});
        EXPECT_LT(usage->cpu, std::chrono::milliseconds{300});
        process->signal(SIGKILL);
        (void)co_await process->wait(rt::this_loop().within(std::chrono::seconds{5}));
        bool removed = false;
        for (int i = 0; i < 100 && !removed; ++i) {
            removed = Cgroups::remove_cell(limited);
            co_await rt::sleep(std::chrono::milliseconds{10});
        }
        EXPECT_TRUE(removed);
    }(*cell));
    cgroups.remove_homes();
    for (const std::string& folder : cell->folders) EXPECT_FALSE(std::filesystem::exists(folder));
}

// Leftovers of a run: what is in its cells is ended even when it has no marker.
TEST(Limits, a_sweep_ends_what_is_in_the_cells_and_removes_them) {
    rt::Loop loop;
    Cgroups cgroups = Cgroups::of_this_process("/sys/fs/cgroup", make_run_id());
    const auto cell = cgroups.make_cell("lost-1.0", {.cpu = 1});
    if (!cell) GTEST_SKIP() << cell.error().message();
    loop.run_until_done([](CgroupCell limited, std::vector<std::string> homes) -> rt::Task<void> {
        auto process = rt::Process::spawn({.argv = {"/bin/sleep", "1000"}, .join = limited.join()});
        EXPECT_TRUE(process.has_value());
        size_t removed = 0;
        for (const std::string& home : homes) removed += sweep::remove_cgroups(home.c_str());
        EXPECT_GE(removed, 2U);
        const auto ended = co_await process->wait(rt::this_loop().within(std::chrono::seconds{5}));
        EXPECT_EQ(ended->signal, SIGKILL);
    }(*cell, cgroups.homes()));
}

}  // namespace tl::supervisor
