#include "app/up.h"

#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>

#include "app/system.h"
#include "app/version.h"
#include "app/way_back.h"
#include "base/log.h"
#include "base/units.h"
#include "rt/signals.h"
#include "supervisor/guard.h"
#include "supervisor/limits.h"
#include "supervisor/run_state.h"

extern char** environ;

namespace tl::app {

using namespace std::chrono_literals;

namespace {

// What must be there before any thread: the lock of the state folder, the guard, and no leftovers of a killed run.
struct Ground {
    supervisor::StateLock lock;
    supervisor::Guard guard;
    std::string run_id;
};

// What the program before this one has left in this process, and the ticket to it.
struct Inherited {
    Handover left;
    HandoverTicket ticket;
};

std::unique_ptr<Ground> take_ground(const std::string& state_dir, const Handover& left) {
    auto ground = std::make_unique<Ground>(supervisor::StateLock::take_over(left.lock));
    ground->run_id = left.run_id;
    const auto homes = supervisor::Cgroups::of_this_process("/sys/fs/cgroup", left.run_id).homes();
    ground->guard.take_over({.run_id = left.run_id, .state_dir = state_dir, .cgroups = homes}, left.guard,
                            left.guard_pipe);
    return ground;
}

base::Result<std::unique_ptr<Ground>> prepare_ground(const std::string& state_dir) {
    auto lock = supervisor::StateLock::acquire(state_dir);
    if (!lock) return base::fail(std::move(lock.error()));
    auto ground = std::make_unique<Ground>(std::move(*lock));
    const supervisor::Leftovers left = supervisor::clean_leftovers(state_dir);
    if (left.any()) TL_LOG(warning, "up", "an earlier run was killed; removed what it left: {}", left.in_words());
    ground->run_id = supervisor::make_run_id();
    const auto homes = supervisor::Cgroups::of_this_process("/sys/fs/cgroup", ground->run_id).homes();
    TL_TRY(supervisor::remember_run(state_dir, ground->run_id, homes));
    TL_TRY(ground->guard.start({.run_id = ground->run_id, .state_dir = state_dir, .cgroups = homes}));
    return ground;
}

// Each connection is a descriptor: as many as the system lets us have.
void raise_file_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

std::vector<std::string> inherited_environment() {
    std::vector<std::string> all;
    for (char** entry = environ; *entry != nullptr; ++entry) all.emplace_back(*entry);
    return all;
}

void print_banner(const System& system, const UpOptions& options, base::Duration took) {
    if (options.json) return;
    const LoadedManifest& loaded = *system.manifest();
    std::string text = fmt::format("\n  {} runs {} services on {} threads (ready in {} ms)\n", loaded.manifest.system,
                                   services_of(loaded.manifest).size(), system.cores(),
                                   std::chrono::duration_cast<std::chrono::milliseconds>(took).count());
    for (const std::string& url : system.gateway_urls()) text += fmt::format("  gateway   {}\n", url);
    if (const std::string& authority = system.local_authority(); !authority.empty()) {
        const auto urls = system.gateway_urls();
        const auto https = std::ranges::find_if(urls, [](const auto& url) { return url.starts_with("https://"); });
        text +=
            fmt::format("  trust     curl --cacert {} {}/\n            a browser: import that file as an authority\n",
                        authority, https == urls.end() ? "https://localhost" : *https);
    }
    text += "  look      trunkline status, trunkline logs -f, trunkline why TRACE\n  stop      Ctrl-C\n\n";
    [[maybe_unused]] const auto written = ::write(STDOUT_FILENO, text.data(), text.size());
}

struct Sink final : console::ProgressSink {
    void on_progress(std::string text) override { TL_LOG(info, "up", "{}", text); }
};

// The manifest's file as it is now, on SIGHUP.
rt::Task<void> reload(System& system) {
    auto loaded = load_manifest(system.manifest()->file);
    if (!loaded) {
        TL_LOG(error, "up", "reload: {}", loaded.error().message());
        co_return;
    }
    Sink sink;
    const auto applied = co_await system.apply(std::move(loaded->text), loaded->file, sink);
    if (applied) {
        TL_LOG(info, "up", "reloaded {}", loaded->file);
    } else {
        TL_LOG(error, "up", "reload: {}\n{}", applied.error().error.message(), applied.error().text);
    }
}

// A terminal that was closed answers no question any more. Nobody could stop us by Ctrl-C then.
bool lost_terminal(bool had_one) { return had_one && isatty(STDIN_FILENO) == 0; }

// While starting: a Ctrl-C does not wait for names that nobody answers for.
rt::Task<void> give_up_on_signal(System& system, rt::SignalReader& signals, rt::Cancel& started, std::string& reason) {
    while (reason.empty()) {
        const auto signal = co_await signals.next({base::kNever, &started});
        if (!signal) co_return;
        if (*signal == SIGINT || *signal == SIGTERM) reason = *signal == SIGINT ? "Ctrl-C" : "SIGTERM";
    }
    system.give_up();
}

rt::Task<base::Result<void>> start(System& system, rt::SignalReader& signals, std::string& reason) {
    rt::Cancel over;
    rt::Gate watch;
    watch.spawn("signals while starting", give_up_on_signal(system, signals, over, reason));
    const auto started = co_await system.start();
    over.request();
    co_await watch.closed();
    co_return started;
}

// Signals until one of them, or the admin API, asks for the end. SIGHUP applies the manifest anew, unless it says that
// the terminal was closed; SIGQUIT prints who waits for whom.
rt::Task<std::string> wait_for_end(System& system, rt::SignalReader& signals, rt::Gate& reloads) {
    rt::Cancel enough;
    std::string reason;
    const bool had_terminal = isatty(STDIN_FILENO) == 1;
    rt::Gate watch;
    const auto watch_stop = [](System& of, rt::Cancel& cancel) -> rt::Task<void> {
        co_await of.stop_asked().wait({base::kNever, &cancel});
        cancel.request();
    };
    watch.spawn("wait for stop", watch_stop(system, enough));
    while (reason.empty()) {
        const auto signal = co_await signals.next({base::kNever, &enough});
        if (!signal) {
            reason = "stopped by the admin API";
        } else if (*signal == SIGHUP && lost_terminal(had_terminal)) {
            reason = "its terminal was closed";
        } else if (*signal == SIGHUP) {
            reloads.spawn("reload", reload(system));
        } else if (*signal == SIGQUIT) {
            const std::string dump = co_await system.dump_tasks();
            [[maybe_unused]] const auto written = ::write(STDERR_FILENO, dump.data(), dump.size());
        } else {
            reason = *signal == SIGINT ? "Ctrl-C" : "SIGTERM";
        }
    }
    enough.request();
    co_await watch.closed();
    co_return reason;
}

// While stopping: a second Ctrl-C ends everything at once. The guard then takes the services along.
rt::Task<void> end_on_second_signal(rt::SignalReader& signals, rt::Cancel& stopped) {
    for (;;) {
        const auto signal = co_await signals.next({base::kNever, &stopped});
        if (!signal) co_return;
        if (*signal != SIGINT && *signal != SIGTERM) continue;
        TL_LOG(warning, "up", "stopped by force");
        ::_exit(130);
    }
}

// Whatever it is that does not end: says so, and who waits for whom, and ends the process. The guard takes the services
// along.
rt::Task<void> end_stuck(System& system, std::string what) {
    const std::string dump = co_await system.dump_tasks();
    TL_LOG(error, "up", "stopped by force: {}; the task dump says who waits for whom:\n{}", what, dump);
    ::_exit(kFailed);
}

constexpr base::Duration kAfterGrace = 3s;

// Should a wait without a deadline be left somewhere on the way down.
rt::Task<void> end_in_time(System& system, base::TimePoint deadline, rt::Cancel& stopped) {
    const rt::Wake wake = co_await rt::wait_for({deadline + kAfterGrace, &stopped});
    if (wake == rt::Wake::timeout) co_await end_stuck(system, "the end took longer than the grace");
}

// Goes on with what was left; what fails here gives everything back to the program of before.
rt::Task<base::Result<void>> resume(System& system, const Inherited& inherited) {
    WayBack back{inherited.left, inherited.ticket};
    const auto resumed = co_await system.resume(inherited.left, inherited.ticket);
    if (!resumed) back.go(resumed.error().message());
    if (resumed && inherited.ticket.failed.empty()) {
        TL_LOG(info, "up", "upgraded: version {} goes on where {} was", version(), inherited.left.version);
    } else if (resumed) {
        TL_LOG(error, "up", "the upgrade was taken back: {}", inherited.ticket.failed);
    }
    co_return resumed;
}

rt::Task<void> run_system(const UpOptions& options, Ground& ground, LoadedManifest loaded, const Inherited* inherited,
                          int& exit_code) {
    const base::TimePoint began = base::steady_now();
    rt::SignalReader signals;
    if (const auto opened = signals.open({SIGINT, SIGTERM, SIGHUP, SIGQUIT}); !opened) {
        TL_LOG(error, "up", "{}", opened.error().message());
        co_return;
    }
    const base::Duration grace = loaded.manifest.grace;
    System system{{.state_dir = options.project.state_dir,
                   .run_id = ground.run_id,
                   .inherited = inherited_environment(),
                   .terminal = !options.json && isatty(STDOUT_FILENO) == 1,
                   .colour = options.colour,
                   .json = options.json,
                   .cores = inherited != nullptr ? inherited->left.cores : 0,
                   .lock = ground.lock.fd(),
                   .guard = &ground.guard},
                  std::move(loaded)};
    rt::Cancel stopped;
    rt::Gate helpers;
    rt::Gate reloads;  // those that still run when the end is asked for are ended by stop()
    helpers.spawn("watch the guard", ground.guard.watch({base::kNever, &stopped}));

    std::string reason;
    const auto started =
        inherited != nullptr ? co_await resume(system, *inherited) : co_await start(system, signals, reason);
    if (started || !reason.empty()) exit_code = kOk;
    if (started && reason.empty()) {
        if (inherited == nullptr) print_banner(system, options, base::steady_now() - began);
        reason = co_await wait_for_end(system, signals, reloads);
    }
    if (reason.empty()) {
        fmt::print(stderr, "trunkline: {}\n", started.error().message());
        reason = "not started";
    } else {
        TL_LOG(info, "up", "stopping: {}; at most {}, again to end at once", reason, base::format_duration(grace));
    }
    helpers.spawn("second signal", end_on_second_signal(signals, stopped));
    const base::TimePoint deadline = rt::this_loop().now() + grace;
    helpers.spawn("end in time", end_in_time(system, deadline, stopped));
    const auto ended = co_await system.stop(deadline, reason);
    if (!ended) co_await end_stuck(system, ended.error().message());
    stopped.request();
    co_await helpers.closed();
    co_await reloads.closed();
}

int run_on(const UpOptions& options, Ground& ground, LoadedManifest loaded, const Inherited* inherited) {
    std::signal(SIGPIPE, SIG_IGN);
    int exit_code = kFailed;
    rt::Loop loop;
    loop.run_until_done(run_system(options, ground, std::move(loaded), inherited, exit_code));
    ground.guard.clean_exit();
    // Processes that got away from their services' groups belong to the run all the same.
    const supervisor::Leftovers left = supervisor::clean_leftovers(options.project.state_dir);
    if (left.processes > 0) TL_LOG(warning, "up", "the services left processes behind; ended: {}", left.in_words());
    return exit_code;
}

// exec has put this program into the process of another one. Signals are blocked, limits are raised already.
int run_inherited(const UpOptions& options, HandoverTicket ticket) {
    ::prctl(PR_SET_NAME, "trunkline");  // the former program is run again by a descriptor, which has no name
    const auto text = read_whole_file(fmt::format("/proc/self/fd/{}", ticket.file));
    const auto left = text ? read_handover(*text) : base::fail(text.error());
    if (!left) {
        TL_LOG(error, "up", "{}", left.error().message());
        return kFailed;
    }
    const Inherited inherited{*left, std::move(ticket)};
    LoadedManifest loaded = read_manifest(left->manifest_text, left->manifest_file);
    if (!loaded.good()) {
        WayBack{*left, inherited.ticket}.go("it does not accept the manifest that runs");
        return kFailed;
    }
    const auto ground = take_ground(options.project.state_dir, *left);
    return run_on(options, *ground, std::move(loaded), &inherited);
}

}  // namespace

int run_up(const UpOptions& options) {
    base::configure_log(base::Level::info, options.json ? base::LogFormat::json : base::LogFormat::readable,
                        options.colour);
    if (auto ticket = HandoverTicket::take()) return run_inherited(options, std::move(*ticket));
    auto loaded = load_manifest(options.project.manifest);
    if (!loaded) {
        fmt::print(stderr, "trunkline: {}\n", loaded.error().message());
        return kBadInput;
    }
    if (!loaded->diagnostics.empty()) {
        fmt::print(stderr, "{}",
                   options.colour ? loaded->diagnostics.to_terminal(true) : loaded->diagnostics.to_text());
    }
    if (!loaded->good()) return kBadInput;

    rt::block_signals({SIGINT, SIGTERM, SIGHUP, SIGQUIT});
    raise_file_limit();
    auto ground = prepare_ground(options.project.state_dir);
    if (!ground) {
        fmt::print(stderr, "trunkline: {}\n", ground.error().message());
        return kFailed;
    }
    return run_on(options, **ground, std::move(*loaded), nullptr);
}

}  // namespace tl::app
