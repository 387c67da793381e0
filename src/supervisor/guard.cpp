#include "supervisor/guard.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>

#include "base/log.h"
#include "rt/io.h"
#include "supervisor/process_title.h"
#include "supervisor/run_state.h"
#include "supervisor/sweep.h"

namespace tl::supervisor {

using namespace std::chrono_literals;

namespace {

constexpr const char* kName = "trunkline-guard";
constexpr int kPipe = 3;

// ---- In the guard: system calls only.

void ignore_stop_signals() {
    struct sigaction ignore{};
    ignore.sa_handler = SIG_IGN;
    // Ctrl-C and a closed terminal are main's to handle; the guard must outlive it.
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGUSR1, SIGUSR2}) {
        ::sigaction(number, &ignore, nullptr);
    }
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

// Keeps nothing of main's: a listening socket or an output pipe held here would outlive it.
void keep_only(int read_end) {
    // Out of the way first: main may have been started without some of the standard descriptors.
    const int lifted = ::fcntl(read_end, F_DUPFD, 10);
    const int null = ::open("/dev/null", O_RDWR);
    if (null < 0 || lifted < 0) ::_exit(1);  // not even this: main sees its guard end, and says so
    for (int fd = 0; fd < 3; ++fd) ::dup2(null, fd);
    ::dup2(lifted, kPipe);
    ::syscall(SYS_close_range, static_cast<unsigned>(kPipe) + 1, ~0U, 0U);
}

bool main_said_goodbye() {
    char byte = 0;
    for (;;) {
        const ssize_t got = ::read(kPipe, &byte, 1);
        if (got == 1) return true;
        if (got == 0 || errno != EINTR) return false;
    }
}

// The next run may have begun already, and then the sockets are its own: it cleans up and makes them with the lock
// held.
void remove_sockets_of_nobody(const GuardSpec& spec, const char* lock) {
    const int fd = ::open(lock, O_RDWR | O_CLOEXEC);
    const bool taken = fd >= 0 && ::flock(fd, LOCK_EX | LOCK_NB) != 0;
    if (!taken) sweep::remove_sockets(spec.state_dir.c_str());
    if (fd >= 0) ::close(fd);
}

[[noreturn]] void be_guard(const GuardSpec& spec, const std::string& lock, std::string_view marker,
                           std::span<char> title, int read_end) {
    ::setsid();
    take_title(title, kName);
    ignore_stop_signals();
    keep_only(read_end);
    [[maybe_unused]] const int moved = ::chdir("/");
    if (main_said_goodbye()) ::_exit(0);
    sweep::kill_marked(marker);
    for (const std::string& home : spec.cgroups) sweep::remove_cgroups(home.c_str());
    remove_sockets_of_nobody(spec, lock.c_str());
    ::_exit(0);
}

}  // namespace

Guard::~Guard() {
    if (pipe_ >= 0) ::close(pipe_);
}

base::Result<void> Guard::start(GuardSpec spec) {
    spec_ = std::move(spec);
    spec_.state_dir = std::filesystem::absolute(spec_.state_dir).string();
    const std::string marker = fmt::format("{}={}", kRunVariable, spec_.run_id);
    const std::string lock = spec_.state_dir + "/lock";
    const std::span<char> title = title_space();  // here, for the guard may not read files
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return base::fail(base::from_errno(errno, "make the guard's pipe"));
    const pid_t pid = ::fork();
    if (pid == 0) be_guard(spec_, lock, marker, title, ends[0]);
    const int number = errno;
    ::close(ends[0]);
    if (pid < 0) {
        ::close(ends[1]);
        return base::fail(base::from_errno(number, "start the guard process"));
    }
    if (pipe_ >= 0) ::close(pipe_);
    pipe_ = ends[1];
    pid_ = pid;
    return {};
}

void Guard::take_over(GuardSpec spec, pid_t pid, int pipe) {
    spec_ = std::move(spec);
    pid_ = pid;
    pipe_ = pipe;
}

rt::Task<void> Guard::watch(rt::Wait wait) {
    for (;;) {
        const int process = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
        if (process < 0) {
            TL_LOG(warning, "supervisor", "cannot watch the guard process {}: {}", pid_, std::strerror(errno));
            co_return;
        }
        rt::Wake wake = rt::Wake::ready;
        {
            rt::Readiness io;
            if (io.attach(process)) {
                io.clear_readable();
                wake = co_await io.wait_readable(wait);
            }
        }
        ::close(process);
        if (wake != rt::Wake::ready) co_return;
        ::waitpid(pid_, nullptr, WNOHANG);
        TL_LOG(warning, "supervisor", "the guard process {} ended; starting another", pid_);
        const auto started = start(spec_);
        if (!started) TL_LOG(error, "supervisor", "no guard process: {}", started.error().message());
        if (!started) co_return;
        // Not in a circle: whatever ends guards may end the next one too.
        const rt::Wake slept = co_await rt::wait_for(wait.until(rt::this_loop().now() + 1s));
        if (slept == rt::Wake::cancelled) co_return;
    }
}

void Guard::clean_exit() {
    if (pipe_ < 0) return;
    const char goodbye = 1;
    [[maybe_unused]] const auto sent = ::write(pipe_, &goodbye, 1);
    ::close(pipe_);
    pipe_ = -1;
    for (int i = 0; i < 100 && ::waitpid(pid_, nullptr, WNOHANG) == 0; ++i) ::usleep(10'000);
}

base::Result<std::unique_ptr<Guard>> start_guard(GuardSpec spec) {
    auto guard = std::make_unique<Guard>();
    TL_TRY(guard->start(std::move(spec)));
    return guard;
}

}  // namespace tl::supervisor
