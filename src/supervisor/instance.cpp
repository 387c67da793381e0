#include "supervisor/instance.h"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>

#include "base/log.h"
#include "base/units.h"
#include "supervisor/command.h"
#include "supervisor/environment.h"

namespace tl::supervisor {

using namespace std::chrono_literals;

namespace {

constexpr size_t kShownLines = 20;
constexpr base::Duration kOutputRest = 200ms;  // for what is still in the pipes when the process has ended
constexpr base::Duration kPoll = 20ms;         // looks for members of a group whose leader is gone

std::string rounded(base::Duration d) { return base::format_duration(std::chrono::ceil<std::chrono::milliseconds>(d)); }

}  // namespace

Instance::Instance(Workshop& shop, std::shared_ptr<const ServiceSpec> spec, std::string id, Trust trust)
    : shop_(shop), spec_(std::move(spec)), id_(std::move(id)), trust_(trust) {}

rt::Task<void> Instance::run() {
    while (!stopping_) {
        const bool waits = next_start_ != base::kNever;  // taken over in the middle of it
        if (!waits) co_await run_once();
        const bool given_up = trust_ == Trust::successor && !was_ready_;
        if (stopping_ || given_up) break;
        if (!waits) begin_back_off();
        co_await wait_for_start();
        if (!stopping_) ++restarts_;
    }
    ended_ = true;
    changed_.notify_all();
}

// One life of its process, from the start or from where it was taken over.
rt::Task<void> Instance::run_once() {
    if (run_ == nullptr && !start()) co_return;
    start_tasks();
    // Without a deadline: how long a service runs is its own affair.
    const auto exit = co_await run_->process.wait();
    co_await finish(exit.value_or(rt::ExitStatus{}));
}

bool Instance::start() {
    set_state(InstanceState::starting);
    last_uptime_ = {};
    auto begun = begin();
    if (!begun) {
        last_exit_ = fmt::format("could not be started: {}", begun.error().message());
        notice(last_exit_);
        return false;
    }
    run_ = std::move(*begun);
    notice(fmt::format("started as process {} on port {}", run_->process.pid(), run_->port));
    shop_.book.instance_starting({.service = spec_->name,
                                  .id = id_,
                                  .address = net::Address::loopback(run_->port),
                                  .version = spec_->run.version});
    return true;
}

base::Result<std::unique_ptr<Instance::Run>> Instance::begin() {
    const auto port = shop_.ports.take(base::steady_now());
    if (!port) return base::fail(port.error());
    auto environment = make_environment(*spec_, {.id = id_, .port = *port, .run_id = shop_.options.run_id},
                                        shop_.options.inherited, shop_.addresses);
    if (!environment) return base::fail(std::move(environment.error()));
    for (const std::string& warning : environment->warnings) {
        if (shop_.warned.size() > 1000) shop_.warned.clear();
        if (shop_.warned.insert(warning).second) TL_LOG(warning, "supervisor", "{}: {}", spec_->name, warning);
    }
    std::optional<CgroupCell> cell = make_cell();
    // A simple command takes the shell's place (dash and bash do that for -c); for others the shell stays in the group.
    auto process = rt::Process::spawn({.argv = {"/bin/sh", "-c", shell_command(spec_->run.run.value_or(""))},
                                       .env = std::move(environment->entries),
                                       .cwd = from_folder(spec_->folder, spec_->run.dir),
                                       .capture_stdout = true,
                                       .capture_stderr = true,
                                       .join = cell ? cell->join() : std::vector<std::string>{}});
    ++starts_;
    if (!process) {
        if (cell) Cgroups::remove_cell(*cell);
        return base::fail(std::move(process.error()));
    }
    auto run = std::make_unique<Run>(std::move(*process));
    run->out.fd = run->process.take_stdout();
    run->err.fd = run->process.take_stderr();
    run->cell = std::move(cell);
    run->port = *port;
    return run;
}

std::optional<CgroupCell> Instance::make_cell() {
    limits_.clear();
    if (!spec_->run.limits.any()) return std::nullopt;
    auto cell = shop_.cgroups.make_cell(fmt::format("{}.{}", id_, starts_), spec_->run.limits);
    if (!cell) {
        limits_ = fmt::format("not applied: {}", cell.error().message());
        return std::nullopt;
    }
    limits_ = "applied";
    return std::move(*cell);
}

void Instance::start_tasks() {
    const rt::Wait until_end{base::kNever, &run_->output_end};
    run_->tasks.spawn("service stdout", capture(run_->out, {spec_->name, id_, Stream::out}, shop_.logs, until_end));
    run_->tasks.spawn("service stderr", capture(run_->err, {spec_->name, id_, Stream::err}, shop_.logs, until_end));
    run_->tasks.spawn("service health", watch_health());
}

rt::Task<void> Instance::watch_health() {
    const auto healthy = co_await shop_.book.wait_healthy(id_, {base::kNever, &run_->gone});
    if (!healthy || run_->gone.requested()) co_return;
    if (state_ == InstanceState::starting) set_state(InstanceState::running);
    was_ready_ = true;
    changed_.notify_all();
}

rt::Task<void> Instance::finish(rt::ExitStatus exit) {
    last_exit_ = exit.in_words();
    const bool perhaps_too_large = exit.signal == SIGKILL && run_->cell && spec_->run.limits.memory && !stopping_;
    if (perhaps_too_large)
        last_exit_ += fmt::format(" (its memory limit is {})", base::format_size(*spec_->run.limits.memory));
    last_uptime_ = base::steady_now() - run_->since;
    shop_.book.instance_gone(id_, stopping_ ? stop_reason_ : last_exit_);
    run_->gone.request();
    notice(last_exit_);
    co_await end_group();
    // What the process wrote last is still in its pipes. One that got away from its group may hold them open for ever.
    co_await run_->tasks.closed(rt::this_loop().within(kOutputRest));
    run_->output_end.request();
    co_await run_->tasks.closed();
    if (run_->cell) co_await remove_cell(*run_->cell);
    run_.reset();
}

// The leader is gone. When stopping, its children have the rest of the grace; after a crash they have none.
rt::Task<void> Instance::end_group() {
    const bool asked = kill_at_ != base::kNever;
    while (asked && run_->process.group_alive() && rt::this_loop().now() < kill_at_) co_await rt::sleep(kPoll);
    run_->process.signal(SIGKILL);
}

rt::Task<void> Instance::remove_cell(CgroupCell cell) {
    for (int i = 0; i < 50; ++i) {
        if (Cgroups::remove_cell(cell)) co_return;
        co_await rt::sleep(kPoll);
    }
    TL_LOG(warning, "supervisor", "{}: the cgroup {} could not be removed", id_, cell.folders.front());
}

void Instance::begin_back_off() {
    const RestartConfig& rule = spec_->run.restart;
    const bool was_loop = backoff_.failures() > 0 && backoff_.in_crash_loop(rule);
    const base::Duration delay = backoff_.after_failure(last_uptime_, rule, shop_.random);
    const bool is_loop = backoff_.in_crash_loop(rule);
    next_start_ = rt::this_loop().now() + delay;
    set_state(is_loop ? InstanceState::crash_loop : InstanceState::backoff);
    if (is_loop && !was_loop) {
        TL_LOG(error, "supervisor", "{} is in a crash loop: {}, {} failures in a row; it is tried again every {}{}",
               id_, last_exit_, backoff_.failures(), base::format_duration(rule.most), last_lines(kShownLines));
    } else {
        TL_LOG(warning, "supervisor", "{} {}; next start in {}", id_, last_exit_, rounded(delay));
    }
}

rt::Task<void> Instance::wait_for_start() {
    co_await rt::wait_for({next_start_, &stop_});
    next_start_ = base::kNever;
}

rt::Task<base::Result<void>> Instance::wait_ready(rt::Wait wait) {
    while (!was_ready_ && !ended_) {
        const rt::Wake wake = co_await changed_.wait(wait);
        if (wake == rt::Wake::cancelled) co_return base::fail(rt::wake_error(wake, fmt::format("starting {}", id_)));
        if (wake == rt::Wake::timeout) break;
    }
    if (was_ready_ && !ended_) co_return base::Result<void>{};
    co_return base::fail(failure());
}

base::Error Instance::failure() const {
    std::string what =
        fmt::format("{} was not healthy within {}", id_, base::format_duration(spec_->run.start_deadline));
    const std::string probe = shop_.book.last_probe(id_);
    if (ended_)
        what = fmt::format("{} {} before it was healthy", id_, last_exit_);
    else if (!probe.empty() || !last_exit_.empty())
        what += fmt::format(" ({})", probe.empty() ? last_exit_ : probe);
    return {.code = ended_ ? base::Code::unavailable : base::Code::timeout, .context = what + last_lines(kShownLines)};
}

rt::Task<void> Instance::stop(std::string reason, base::TimePoint deadline) {
    const bool first = !std::exchange(stopping_, true);
    if (first) {
        stop_reason_ = reason;
        if (run_ != nullptr) {
            set_state(InstanceState::stopping);
            const base::TimePoint now = rt::this_loop().now();
            // At most half of what is left, so that SIGTERM gets the other half.
            const base::TimePoint half = deadline == base::kNever ? deadline : now + (deadline - now) / 2;
            co_await shop_.book.drain(id_, reason, std::min(half, now + spec_->run.grace));
        }
        if (run_ != nullptr && run_->process.running()) {
            kill_at_ = std::min(deadline, rt::this_loop().now() + spec_->run.grace);
            run_->process.signal(SIGTERM);
        }
        stop_.request();
        deadline = std::min(deadline, kill_at_);
    }
    while (!ended_) {
        const rt::Wake wake = co_await changed_.wait({deadline, nullptr});
        if (wake != rt::Wake::timeout) continue;
        kill_now();
        deadline = base::kNever;
    }
}

void Instance::kill_now() {
    if (run_ == nullptr) return;
    if (run_->process.running()) {
        notice("did not end in time after SIGTERM: killed");
        TL_LOG(warning, "supervisor", "{} did not end in time after SIGTERM: killed", id_);
    }
    kill_at_ = std::min(kill_at_, rt::this_loop().now());
    run_->process.signal(SIGKILL);
}

void Instance::adopt_handling(const RunConfig& config) {
    auto spec = std::make_shared<ServiceSpec>(*spec_);
    spec->run.replicas = config.replicas;
    spec->run.grace = config.grace;
    spec->run.start_deadline = config.start_deadline;
    spec->run.restart = config.restart;
    spec_ = std::move(spec);
}

InstanceStatus Instance::status(bool with_usage) const {
    InstanceStatus out{.id = id_,
                       .version = spec_->run.version,
                       .state = state_,
                       .since = since_,
                       .restarts = restarts_,
                       .last_exit = last_exit_,
                       .limits = limits_};
    if (run_ != nullptr) {
        out.pid = run_->process.pid();
        out.port = run_->port;
        if (with_usage) out.usage = usage_of(out.pid);
    }
    if (next_start_ != base::kNever) {
        out.next_start = std::max<base::Duration>(next_start_ - base::steady_now(), 0s);
        for (const LogLinePtr& line : shop_.logs.of_instance(id_, kShownLines)) out.last_lines.push_back(line->text);
    }
    return out;
}

std::string Instance::last_lines(size_t most) const {
    const auto lines = shop_.logs.of_instance(id_, most);
    if (lines.empty()) return "";
    std::string text = ". Its last lines:";
    for (const LogLinePtr& line : lines) text += "\n    " + line->text;
    return text;
}

void Instance::set_state(InstanceState state) {
    state_ = state;
    since_ = base::wall_now();
}

void Instance::notice(std::string_view text) {
    shop_.logs.add({.time = base::wall_now(),
                    .service = spec_->name,
                    .instance = id_,
                    .stream = Stream::notice,
                    .text = clean_line(text)});
}

}  // namespace tl::supervisor
