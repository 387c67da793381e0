#include "rt/process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "rt/loop.h"

namespace tl::rt {

using namespace std::chrono_literals;

namespace {

ProcessSpec shell(std::string command) {
    return {.argv = {"/bin/sh", "-c", std::move(command)}, .env = {"PATH=/usr/bin:/bin", "GIVEN=yes"}};
}

ExitStatus run(const ProcessSpec& spec) {
    Loop loop;
    ExitStatus status{.code = -1};
    loop.run_until_done([](const ProcessSpec& what, ExitStatus& out) -> Task<void> {
        auto process = Process::spawn(what);
        EXPECT_TRUE(process.has_value()) << process.error().message();
        if (!process) co_return;
        const auto ended = co_await process->wait(this_loop().within(10s));
        EXPECT_TRUE(ended.has_value());
        if (ended) out = *ended;
    }(spec, status));
    return status;
}

base::Error failure(const ProcessSpec& spec) {
    Loop loop;
    base::Error error;
    loop.run_until_done([](const ProcessSpec& what, base::Error& out) -> Task<void> {
        auto process = Process::spawn(what);
        EXPECT_FALSE(process.has_value());
        if (!process) out = process.error();
        co_return;
    }(spec, error));
    return error;
}

// Everything that the command writes to its standard output.
std::string output_of(ProcessSpec spec) {
    Loop loop;
    std::string text;
    spec.capture_stdout = true;
    loop.run_until_done([](const ProcessSpec& what, std::string& out) -> Task<void> {
        auto process = Process::spawn(what);
        EXPECT_TRUE(process.has_value()) << process.error().message();
        const auto ended = co_await process->wait(this_loop().within(10s));
        EXPECT_TRUE(ended.has_value());
        const int fd = process->take_stdout();
        char bytes[4096];
        for (ssize_t got = 0; (got = ::read(fd, bytes, sizeof bytes)) > 0;) out.append(bytes, static_cast<size_t>(got));
        ::close(fd);
    }(spec, text));
    return text;
}

}  // namespace

TEST(Process, its_exit_code_and_its_signal_are_told_in_words) {
    EXPECT_EQ(run(shell("exit 0")).in_words(), "exited with 0");
    EXPECT_EQ(run(shell("exit 7")).in_words(), "exited with 7");
    EXPECT_EQ(run(shell("kill -SEGV $$")).in_words(), "killed by SIGSEGV");
}

TEST(Process, it_gets_exactly_the_given_environment_folder_and_descriptors) {
    ProcessSpec spec{.argv = {"env"}, .env = {"PATH=/usr/bin:/bin", "GIVEN=yes"}};
    EXPECT_EQ(output_of(spec), "PATH=/usr/bin:/bin\nGIVEN=yes\n");
    spec = shell("pwd");
    spec.cwd = "/usr";
    EXPECT_EQ(output_of(spec), "/usr\n");
    const int leaked = ::open("/dev/null", O_RDONLY);                    // without O_CLOEXEC on purpose
    EXPECT_EQ(output_of(shell("ls /proc/self/fd | grep -c .")), "4\n");  // 0, 1, 2 and the folder itself
    ::close(leaked);
}

TEST(Process, it_begins_with_default_signals_that_are_not_blocked) {
    sigset_t term;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &term, nullptr);
    const auto before = ::signal(SIGINT, SIG_IGN);
    const std::string got = output_of(shell("grep -E 'SigBlk|SigIgn' /proc/self/status"));
    ::signal(SIGINT, before);
    pthread_sigmask(SIG_UNBLOCK, &term, nullptr);
    EXPECT_EQ(got, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

TEST(Process, what_stops_a_start_is_said_with_its_step) {
    EXPECT_EQ(failure({.argv = {"no-such-command"}, .env = {"PATH=/bin"}}).message(),
              "start no-such-command: the command was not found in PATH");
    EXPECT_EQ(failure({.argv = {"/no/such/command"}}).message(), "start /no/such/command: the command does not exist");
    EXPECT_EQ(failure({.argv = {"/etc/passwd"}}).code, base::Code::refused);
    ProcessSpec spec = shell("true");
    spec.cwd = "/no/such/folder";
    EXPECT_NE(failure(spec).message().find("change to the folder /no/such/folder"), std::string::npos);
    spec = shell("true");
    spec.join = {"/no/such/cgroup.procs"};
    EXPECT_NE(failure(spec).message().find("cgroup"), std::string::npos);
}

TEST(Process, a_signal_reaches_the_whole_group) {
    Loop loop;
    loop.run_until_done([](ProcessSpec spec) -> Task<void> {
        auto process = Process::spawn(spec);
        EXPECT_TRUE(process.has_value());
        co_await sleep(50ms);
        const auto early = co_await process->wait(this_loop().within(10ms));
        EXPECT_FALSE(early.has_value());
        EXPECT_EQ(early.error().code, base::Code::timeout);
        EXPECT_TRUE(process->running());
        process->signal(SIGTERM);
        const auto ended = co_await process->wait(this_loop().within(5s));
        EXPECT_EQ(ended->signal, SIGTERM);
        for (int i = 0; i < 100 && process->group_alive(); ++i) co_await sleep(10ms);
        EXPECT_FALSE(process->group_alive());
    }(shell("sleep 100 & sleep 100 & wait")));
}

TEST(Process, dropping_it_kills_and_reaps_it) {
    Loop loop;
    pid_t pid = 0;
    loop.run_until_done([](pid_t& out) -> Task<void> {
        auto process = Process::spawn(shell("exec sleep 100"));
        out = process->pid();
        co_return;
    }(pid));
    EXPECT_EQ(::kill(pid, 0), -1);
    EXPECT_EQ(errno, ESRCH);
}

TEST(Process, it_dies_with_a_parent_that_is_killed) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const pid_t parent = ::fork();
    ASSERT_GE(parent, 0);
    if (parent == 0) {
        Loop loop;
        loop.run_until_done([](int out) -> Task<void> {
            auto process = Process::spawn(shell("exec sleep 100"));
            const pid_t pid = process->pid();
            if (::write(out, &pid, sizeof pid) != sizeof pid) ::_exit(1);
            co_await sleep(100s);
        }(ends[1]));
        ::_exit(0);
    }
    pid_t child = 0;
    ASSERT_EQ(::read(ends[0], &child, sizeof child), static_cast<ssize_t>(sizeof child));
    EXPECT_EQ(::kill(child, 0), 0);
    ::kill(parent, SIGKILL);
    ::waitpid(parent, nullptr, 0);
    // Nobody here may reap it: it counts as gone when it is a zombie or not there.
    const auto gone = [&] {
        char state = 'X';
        char path[64];
        snprintf(path, sizeof path, "/proc/%d/stat", child);
        if (FILE* file = ::fopen(path, "r")) {
            if (::fscanf(file, "%*d %*s %c", &state) != 1) state = 'X';
            ::fclose(file);
        }
        return state == 'Z' || state == 'X';
    };
    for (int i = 0; i < 200 && !gone(); ++i) ::usleep(10'000);
    EXPECT_TRUE(gone());
    ::close(ends[0]);
    ::close(ends[1]);
}

}  // namespace tl::rt
