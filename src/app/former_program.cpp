#include "app/former_program.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <filesystem>
#include <set>

#include "base/log.h"
#include "base/units.h"
#include "supervisor/process_title.h"

namespace tl::app {

using namespace std::chrono_literals;

namespace {

constexpr base::Duration kReportEvery = 100ms;
constexpr base::Duration kLastRecords = 200ms;

// ---- In the fork

// What the cores' loops watch, and where access records and the log are written to. All else is the next program's now:
// held open here it would outlive it - the lock, the guard's pipe, admin connections, services' output.
bool is_ours(int fd, const std::set<int>& needed) {
    if (fd <= STDERR_FILENO || needed.contains(fd)) return true;
    struct stat info{};
    if (::fstat(fd, &info) != 0) return false;
    const int flags = ::fcntl(fd, F_GETFL);
    const bool for_writing = flags >= 0 && (flags & O_ACCMODE) != O_RDONLY;
    return for_writing && (S_ISREG(info.st_mode) || S_ISFIFO(info.st_mode) || S_ISCHR(info.st_mode));
}

void close_others(const FormerLife& life) {
    std::set<int> needed{life.link};
    needed.insert(life.kept.begin(), life.kept.end());
    for (const int fd : life.plane->descriptors()) needed.insert(fd);
    std::vector<int> others;
    for (const auto& entry : std::filesystem::directory_iterator{"/proc/self/fd"}) {
        const int fd = std::atoi(entry.path().filename().c_str());
        if (!is_ours(fd, needed)) others.push_back(fd);
    }
    for (const int fd : others) ::close(fd);
}

// The earlier of two deadlines, should the next program have sent one.
base::TimePoint hurried(int link, base::TimePoint deadline) {
    char words[32];
    ssize_t got = 0;
    while ((got = ::recv(link, words, sizeof words, MSG_DONTWAIT)) > 0) {
        int64_t millis = 0;
        std::from_chars(words, words + got, millis);
        deadline = std::min(deadline, rt::this_loop().now() + std::chrono::milliseconds{millis});
    }
    return deadline;
}

rt::Task<void> finish_connections(FormerLife life) {
    base::TimePoint deadline = rt::this_loop().now() + life.grace;
    co_await life.plane->drain(deadline);
    for (;;) {
        const base::TimePoint earlier = hurried(life.link, deadline);
        if (earlier < deadline) co_await life.plane->hurry(earlier);
        deadline = earlier;
        const CoreWorker::Load load = co_await life.plane->load(rt::this_loop().within(1s));
        const std::string report = std::to_string(load.connections);
        [[maybe_unused]] const auto sent = ::send(life.link, report.data(), report.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (life.access != nullptr) co_await life.access->drain(*life.plane);
        const bool late = rt::this_loop().now() > deadline + 1s;
        if (load.doors == 0 || late) break;
        co_await rt::sleep(std::min(kReportEvery, std::max<base::Duration>(deadline - rt::this_loop().now(), 1ms)));
    }
    const base::TimePoint last = rt::this_loop().now() + kLastRecords;
    for (size_t most = life.access != nullptr ? 1 : 0; most > 0 && rt::this_loop().now() < last;) {
        most = co_await life.access->drain(*life.plane);
    }
}

}  // namespace

void live_as_former(const FormerLife& life) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != life.parent) ::_exit(1);
    char word = 0;
    ssize_t got = 0;
    do {
        got = ::read(life.go, &word, 1);
    } while (got < 0 && errno == EINTR);
    if (got != 0) ::_exit(0);  // the next program could not begin: our parent goes on with everything
    supervisor::take_title(supervisor::title_space(), "trunkline-drain");
    close_others(life);
    life.plane->go_on();
    {
        rt::Loop loop;  // not the one that was forked: what waits there is not ours any more
        loop.run_until_done(finish_connections(life));
    }
    ::_exit(0);
}

// ---- In the next program

FormerProgram::~FormerProgram() {
    if (link_ >= 0) ::close(link_);
}

base::Result<void> FormerProgram::start(pid_t pid, int link, base::Duration grace) {
    link_ = link;
    deadline_ = base::deadline_after(rt::this_loop().now(), grace);
    auto process = rt::Process::take_over(pid, rt::Process::Target::process);
    if (!process) return base::fail(std::move(process.error()));
    process_.emplace(std::move(*process));
    return {};
}

rt::Task<void> FormerProgram::watch(rt::Wait wait) {
    rt::Readiness io;
    bool linked = io.attach(link_).has_value();
    while (linked) {
        char words[32];
        const ssize_t got = ::recv(link_, words, sizeof words, MSG_DONTWAIT);
        if (got > 0) take_report({words, static_cast<size_t>(got)});
        if (got > 0) continue;
        linked = got < 0 && errno == EAGAIN;
        if (!linked) break;
        io.clear_readable();
        const rt::Wake wake = co_await io.wait_readable(wait);
        if (wake != rt::Wake::ready) break;
    }
    io.detach();
    const auto ended = co_await process_->wait(wait);
    if (ended && !ended->ok()) {
        TL_LOG(warning, "up", "process {}, which finished the connections of before the upgrade, {}", process_->pid(),
               ended->in_words());
    } else if (ended) {
        TL_LOG(info, "up", "the connections of before the upgrade have ended");
    }
    over_.set();
}

void FormerProgram::take_report(std::string_view words) {
    told_ = std::from_chars(words.data(), words.data() + words.size(), connections_).ec == std::errc{};
}

std::string FormerProgram::in_words() const {
    if (!active()) return "";
    const base::Duration left = std::max<base::Duration>(deadline_ - rt::this_loop().now(), 0s);
    return fmt::format(
        "process {} still finishes {} of before the upgrade, {} at most", process_->pid(),
        told_ ? fmt::format("{} connection{}", connections_, connections_ == 1 ? "" : "s") : "connections",
        base::format_duration(std::chrono::ceil<std::chrono::seconds>(left)));
}

void FormerProgram::end_by(base::TimePoint deadline) {
    if (!active()) return;
    deadline_ = std::min(deadline_, deadline);
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(std::max<base::Duration>(deadline_ - rt::this_loop().now(), 0s));
    const std::string words = std::to_string(left.count());
    [[maybe_unused]] const auto sent = ::send(link_, words.data(), words.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
}

}  // namespace tl::app
