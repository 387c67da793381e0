#include "rt/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <string_view>

namespace tl::rt {

namespace {

enum class SpawnStep : int { group, death_signal, standard_fd, join, cwd, exec };

// What the child sends when a step failed; fits into one atomic write.
struct SpawnFailure {
    SpawnStep step;
    int number;
};

// All that the child needs, made before it exists: there it may neither allocate nor lock.
struct Prepared {
    std::string program;
    std::vector<char*> argv;
    std::vector<char*> env;
    const char* cwd = nullptr;
    std::vector<const char*> join;
    std::array<int, 3> standard{-1, -1, -1};
    int report = -1;
    pid_t parent = 0;
    bool own_group = true;
};

class Fd {
  public:
    Fd() = default;
    explicit Fd(int fd) : fd_(fd) {}
    Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Fd& operator=(Fd&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~Fd() { close(); }
    void close() {
        if (fd_ >= 0) ::close(std::exchange(fd_, -1));
    }
    [[nodiscard]] int get() const { return fd_; }
    [[nodiscard]] int take() { return std::exchange(fd_, -1); }

  private:
    int fd_ = -1;
};

struct Pipe {
    Fd read;
    Fd write;
};

// Both ends above 2, so that putting one in the place of a standard descriptor overwrites no other.
base::Result<Fd> lifted(int fd) {
    if (fd > 2) return Fd{fd};
    Fd low{fd};
    const int high = ::fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (high < 0) return base::fail(base::from_errno(errno, "fcntl F_DUPFD_CLOEXEC"));
    return Fd{high};
}

base::Result<Pipe> make_pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return base::fail(base::from_errno(errno, "make a pipe"));
    auto read = lifted(ends[0]);
    auto write = lifted(ends[1]);
    if (!read) return base::fail(std::move(read.error()));
    if (!write) return base::fail(std::move(write.error()));
    return Pipe{std::move(*read), std::move(*write)};
}

// ---- In the child: system calls only. With vfork it borrows our memory and stack until it execs.

[[noreturn]] void give_up(const Prepared& ready, SpawnStep step) {
    const SpawnFailure failure{step, errno};
    [[maybe_unused]] const auto sent = ::write(ready.report, &failure, sizeof failure);
    ::_exit(127);
}

void reset_signals() {
    struct sigaction standard{};
    standard.sa_handler = SIG_DFL;
    for (int number = 1; number < NSIG; ++number) ::sigaction(number, &standard, nullptr);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

void join_files(const Prepared& ready) {
    for (const char* path : ready.join) {
        const int fd = ::open(path, O_WRONLY | O_CLOEXEC);
        if (fd < 0 || ::write(fd, "0", 1) != 1) give_up(ready, SpawnStep::join);
        ::close(fd);
    }
}

[[noreturn]] void become(const Prepared& ready) {
    if (ready.own_group && ::setpgid(0, 0) != 0) give_up(ready, SpawnStep::group);
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) give_up(ready, SpawnStep::death_signal);
    // Our parent died before the line above: no signal will come any more.
    if (::getppid() != ready.parent) ::_exit(127);
    for (int i = 0; i < 3; ++i) {
        if (::dup2(ready.standard[static_cast<size_t>(i)], i) < 0) give_up(ready, SpawnStep::standard_fd);
    }
    // Closed by exec rather than now, for the report must stay open until then.
    ::syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC);
    join_files(ready);
    if (ready.cwd != nullptr && ::chdir(ready.cwd) != 0) give_up(ready, SpawnStep::cwd);
    reset_signals();
    ::execve(ready.program.c_str(), ready.argv.data(), ready.env.data());
    give_up(ready, SpawnStep::exec);
}

// ---- In the parent

// vfork, not fork: no page tables are copied and no page of the data path's threads turns copy-on-write. All signals
// are blocked meanwhile, so that no handler of ours runs in the borrowed memory.
pid_t start_child(const Prepared& ready) {
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    const pid_t pid = ::vfork();  // NOLINT: see above
    if (pid == 0) become(ready);  // NOLINT: it only makes calls that are safe there
    const int number = errno;
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    errno = number;
    return pid;
}

std::string_view variable(const std::vector<std::string>& env, std::string_view name) {
    for (const std::string& entry : env) {
        if (entry.size() > name.size() && entry.starts_with(name) && entry[name.size()] == '=') {
            return std::string_view{entry}.substr(name.size() + 1);
        }
    }
    return {};
}

base::Result<std::string> find_program(const ProcessSpec& spec) {
    if (spec.argv.empty() || spec.argv[0].empty()) return base::fail(base::Code::invalid, "no command was given");
    const std::string& name = spec.argv[0];
    if (name.find('/') != std::string::npos) return name;
    std::string_view path = variable(spec.env, "PATH");
    if (path.empty()) path = "/usr/local/bin:/usr/bin:/bin";
    while (!path.empty()) {
        const std::string_view folder = path.substr(0, path.find(':'));
        path.remove_prefix(std::min(folder.size() + 1, path.size()));
        std::string candidate = fmt::format("{}/{}", folder.empty() ? "." : folder, name);
        if (::access(candidate.c_str(), X_OK) == 0) return candidate;
    }
    return base::fail(base::Code::not_found, fmt::format("start {}: the command was not found in PATH", name));
}

base::Error describe(const SpawnFailure& failure, const ProcessSpec& spec) {
    const std::string& name = spec.argv[0];
    const auto start = [&](std::string_view what) {
        return base::from_errno(failure.number, fmt::format("start {}: {}", name, what));
    };
    switch (failure.step) {
        case SpawnStep::group: return start("make a process group");
        case SpawnStep::death_signal: return start("ask to die with us");
        case SpawnStep::standard_fd: return start("connect its output");
        case SpawnStep::join: return start("put it into its cgroup");
        case SpawnStep::cwd: return start(fmt::format("change to the folder {}", spec.cwd));
        case SpawnStep::exec: break;
    }
    if (failure.number == ENOENT) {
        return {.code = base::Code::not_found, .context = fmt::format("start {}: the command does not exist", name)};
    }
    if (failure.number == EACCES) {
        return {.code = base::Code::refused,
                .context = fmt::format("start {}: it is not executable for us; check its mode and folder", name)};
    }
    return start("execute it");
}

// Empty when the program runs: exec closed the other end.
base::Result<void> read_report(int fd, const ProcessSpec& spec) {
    SpawnFailure failure{};
    ssize_t got = 0;
    do {
        got = ::read(fd, &failure, sizeof failure);
    } while (got < 0 && errno == EINTR);
    if (got == 0) return {};
    if (got != sizeof failure) return base::fail(base::Code::internal, "a child's report was cut short");
    return base::fail(describe(failure, spec));
}

// Dead members count for kill(2) until their parent reaps them, and in a container that may be never: so look.
bool group_has_living(pid_t group) {
    std::unique_ptr<DIR, int (*)(DIR*)> proc{::opendir("/proc"), ::closedir};
    if (proc == nullptr) return true;
    while (const dirent* entry = ::readdir(proc.get())) {
        if (entry->d_name[0] < '1' || entry->d_name[0] > '9') continue;
        const Fd stat{::open(fmt::format("/proc/{}/stat", entry->d_name).c_str(), O_RDONLY | O_CLOEXEC)};
        std::array<char, 512> bytes{};
        if (stat.get() < 0 || ::read(stat.get(), bytes.data(), bytes.size() - 1) <= 0) continue;
        // The name may hold anything, so what follows begins behind the last ")".
        const char* rest = std::strrchr(bytes.data(), ')');
        char state = 'Z';
        int its_group = 0;
        if (rest == nullptr || std::sscanf(rest, ") %c %*d %d", &state, &its_group) != 2) continue;
        if (its_group == group && state != 'Z' && state != 'X') return true;
    }
    return false;
}

Prepared prepare(const ProcessSpec& spec, std::string program) {
    Prepared ready;
    ready.program = std::move(program);
    for (const std::string& word : spec.argv) ready.argv.push_back(const_cast<char*>(word.c_str()));
    for (const std::string& entry : spec.env) ready.env.push_back(const_cast<char*>(entry.c_str()));
    ready.argv.push_back(nullptr);
    ready.env.push_back(nullptr);
    for (const std::string& path : spec.join) ready.join.push_back(path.c_str());
    if (!spec.cwd.empty()) ready.cwd = spec.cwd.c_str();
    ready.parent = ::getpid();
    ready.own_group = spec.own_group;
    return ready;
}

}  // namespace

struct Process::State {
    pid_t pid = -1;
    bool leads_group = false;
    bool reaped = false;
    ExitStatus exit;
    Fd pidfd;
    Fd out;
    Fd err;
    Readiness io;

    // Takes the exit status if it is there.
    bool reap() {
        if (reaped) return true;
        siginfo_t info{};
        if (::waitid(P_PIDFD, static_cast<id_t>(pidfd.get()), &info, WEXITED | WNOHANG) != 0 || info.si_pid == 0) {
            return false;
        }
        reaped = true;
        if (info.si_code == CLD_EXITED) {
            exit.code = info.si_status;
        } else {
            exit.signal = info.si_status;
        }
        return true;
    }
};

Process::Process(std::unique_ptr<State> state) : state_(std::move(state)) {}

Process::Process(Process&& other) noexcept = default;

Process& Process::operator=(Process&& other) noexcept {
    std::swap(state_, other.state_);
    return *this;
}

Process::~Process() {
    if (state_ == nullptr || state_->reaped) return;
    signal(SIGKILL);
    siginfo_t info{};
    ::waitid(P_PIDFD, static_cast<id_t>(state_->pidfd.get()), &info, WEXITED);
}

base::Result<Process> Process::adopt(pid_t pid, bool leads_group) {
    auto state = std::make_unique<State>();
    state->pid = pid;
    state->leads_group = leads_group;
    state->pidfd = Fd{static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))};
    if (state->pidfd.get() < 0) return base::fail(base::from_errno(errno, fmt::format("pidfd_open {}", pid)));
    // Owned by a Process from here on: whatever fails, the child is ended.
    Process process{std::move(state)};
    TL_TRY(process.state_->io.attach(process.state_->pidfd.get()));
    return process;
}

base::Result<Process> Process::take_over(pid_t pid, Target leads, int captured_stdout, int captured_stderr) {
    Fd out{captured_stdout};
    Fd err{captured_stderr};
    auto process = adopt(pid, leads == Target::group);
    if (!process) return process;
    process->state_->out = std::move(out);
    process->state_->err = std::move(err);
    return process;
}

base::Result<Process> Process::spawn(const ProcessSpec& spec) {
    auto program = find_program(spec);
    if (!program) return base::fail(std::move(program.error()));
    Prepared ready = prepare(spec, std::move(*program));

    auto null = lifted(::open("/dev/null", O_RDWR | O_CLOEXEC));
    if (!null || null->get() < 0) return base::fail(base::from_errno(errno, "open /dev/null"));
    auto report = make_pipe();
    if (!report) return base::fail(std::move(report.error()));
    Pipe out;
    Pipe err;
    for (auto [wanted, pipe] : {std::pair{spec.capture_stdout, &out}, std::pair{spec.capture_stderr, &err}}) {
        if (!wanted) continue;
        auto made = make_pipe();
        if (!made) return base::fail(std::move(made.error()));
        *pipe = std::move(*made);
        ::fcntl(pipe->read.get(), F_SETFL, O_NONBLOCK);
    }
    ready.standard = {null->get(), spec.capture_stdout ? out.write.get() : null->get(),
                      spec.capture_stderr ? err.write.get() : null->get()};
    ready.report = report->write.get();

    const pid_t pid = start_child(ready);
    if (pid < 0) return base::fail(base::from_errno(errno, fmt::format("start {}: fork", spec.argv[0])));
    report->write.close();
    auto started = read_report(report->read.get(), spec);
    if (!started) {
        ::waitpid(pid, nullptr, 0);
        return base::fail(std::move(started.error()));
    }
    auto process = adopt(pid, spec.own_group);
    if (!process) return process;
    process->state_->out = std::move(out.read);
    process->state_->err = std::move(err.read);
    return process;
}

Task<base::Result<ExitStatus>> Process::wait(Wait wait) {
    State* state = state_.get();
    while (!state->reap()) {
        state->io.clear_readable();
        // It may have ended between the two lines above; epoll reports that as an edge all the same.
        const Wake wake = co_await state->io.wait_readable(wait);
        if (wake != Wake::ready)
            co_return base::fail(wake_error(wake, fmt::format("waiting for process {}", state->pid)));
    }
    co_return state->exit;
}

bool Process::running() { return !state_->reap(); }

void Process::signal(int number, Target target) {
    if (target == Target::group && state_->leads_group) {
        // While a member lives, the kernel does not give the group's number to anybody else.
        if (!state_->reaped || group_alive()) ::kill(-state_->pid, number);
    } else if (!state_->reaped) {
        ::syscall(SYS_pidfd_send_signal, state_->pidfd.get(), number, nullptr, 0);
    }
}

bool Process::group_alive() const {
    if (!state_->leads_group) return !state_->reaped;
    if (::kill(-state_->pid, 0) != 0 && errno == ESRCH) return false;
    return !state_->reaped || group_has_living(state_->pid);
}

pid_t Process::pid() const { return state_->pid; }
int Process::take_stdout() { return state_->out.take(); }
int Process::take_stderr() { return state_->err.take(); }

std::string signal_name(int signal) {
    const char* name = ::sigabbrev_np(signal);
    return name == nullptr ? fmt::format("signal {}", signal) : fmt::format("SIG{}", name);
}

std::string ExitStatus::in_words() const {
    return signal != 0 ? fmt::format("killed by {}", signal_name(signal)) : fmt::format("exited with {}", code);
}

}  // namespace tl::rt
