#include "app/data_plane.h"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>

#include "base/log.h"
#include "rt/dump.h"

namespace tl::app {

using namespace std::chrono_literals;

DataPlane::DataPlane(Options options) : options_(std::move(options)) {}
DataPlane::~DataPlane() = default;

DataPlane::BoundDoor::~BoundDoor() {
    for (const int socket : sockets) ::close(socket);
}

namespace {

// Failures of one core that are on their way to the control loop. In a storm more would tell it nothing new, and would
// fill the mailbox in which it gets its answers.
constexpr size_t kMostReports = 1024;

proxy::OutcomeReporter report_to(rt::Loop& control, const proxy::OutcomeReporter& report) {
    auto waiting = std::make_shared<std::atomic<size_t>>(0);
    return [control = &control, &report, waiting = std::move(waiting)](proxy::OutcomeReport outcome) {
        if (outcome.outcome != proxy::Outcome::success && waiting->load() >= kMostReports) return;
        ++*waiting;
        const bool posted = control->post([&report, waiting, outcome = std::move(outcome)]() mutable {
            --*waiting;
            report(std::move(outcome));
        });
        if (!posted) --*waiting;  // the next failure brings another
    };
}

}  // namespace

rt::Task<void> DataPlane::start() {
    for (uint32_t i = 0; i < options_.cores; ++i) {
        auto core = std::make_unique<OneCore>(fmt::format("core {}", i));
        const auto report = report_to(rt::this_loop(), options_.report);
        OneCore* raw = core.get();
        [[maybe_unused]] const auto made = co_await rt::run_on(core->thread.loop(), [this, raw, report] {
            raw->worker =
                std::make_unique<CoreWorker>(*options_.names, trials_, report, options_.records, options_.cores);
        });
        cores_.push_back(std::move(core));
    }
}

base::Result<DataPlane::BoundDoor> DataPlane::bind(std::string key, const net::Address& address, Port port) const {
    if (address.port() != 0 && port == Port::unknown) {
        // Once without SO_REUSEPORT: another process that shares the port would silently take part of our clients.
        const auto probe = net::open_listener(address, {});
        if (!probe) return base::fail(probe.error());
        ::close(*probe);
    }

    BoundDoor door;
    door.key = std::move(key);
    door.address = address;
    for (size_t i = 0; i < options_.cores; ++i) {
        auto socket = net::open_listener(door.address, {.reuse_port = true});
        if (!socket) return base::fail(std::move(socket.error()));
        door.sockets.push_back(*socket);
        if (door.address.port() == 0) door.address.set_port(net::bound_port(*socket));
    }
    return door;
}

rt::Task<base::Result<void>> DataPlane::apply(PlaneSnapshotPtr snapshot, std::vector<BoundDoor> fresh,
                                              base::Duration grace) {
    for (size_t i = 0; i < cores_.size(); ++i) {
        std::vector<std::pair<std::string, int>> open;
        for (BoundDoor& door : fresh) open.emplace_back(door.key, std::exchange(door.sockets[i], -1));
        CoreWorker* worker = cores_[i]->worker.get();
        const auto taken = co_await rt::run_on(cores_[i]->thread.loop(), [worker, snapshot, open, grace] {
            worker->apply(snapshot, rt::this_loop().now() + grace);
            for (const auto& [key, socket] : open) worker->open(key, socket);
        });
        if (!taken) co_return base::fail(taken.error());
    }
    co_return base::Result<void>{};
}

rt::Task<void> DataPlane::doors_closed(rt::Wait wait) {
    for (;;) {
        size_t closing = 0;
        for (const auto& core : cores_) {
            CoreWorker* worker = core->worker.get();
            const auto count = co_await rt::run_on(core->thread.loop(), [worker] { return worker->closing(); }, wait);
            closing += count.value_or(0);
        }
        if (closing == 0) co_return;
        const rt::Wake wake = co_await rt::wait_for(wait.until(rt::this_loop().now() + 10ms));
        if (wake == rt::Wake::cancelled || rt::this_loop().now() >= wait.deadline) co_return;
    }
}

void DataPlane::publish(proxy::EndpointSetPtr set, std::move_only_function<void()> acknowledged) {
    struct Acks {
        std::atomic<size_t> missing;
        std::move_only_function<void()> done;
    };
    auto acks = std::make_shared<Acks>(cores_.size(), std::move(acknowledged));
    rt::Loop* control = &rt::this_loop();
    for (const auto& core : cores_) {
        CoreWorker* worker = core->worker.get();
        const bool posted = core->thread.loop().post([worker, set, acks, control] {
            worker->engine().apply_endpoints(set);
            if (--acks->missing == 0) control->post([acks] { acks->done(); });
        });
        if (!posted) TL_LOG(error, "app", "{} does not take its messages; it is stuck", core->thread.name());
    }
}

rt::Task<base::Result<uint64_t>> DataPlane::in_flight(std::string service, std::string instance, rt::Wait wait) {
    uint64_t sum = 0;
    for (const auto& core : cores_) {
        CoreWorker* worker = core->worker.get();
        const auto count = co_await rt::run_on(
            core->thread.loop(),
            [worker, service, instance]() -> uint64_t { return worker->engine().in_flight(service, instance); }, wait);
        if (!count) co_return base::fail(count.error());
        sum += *count;
    }
    co_return sum;
}

rt::Task<std::string> DataPlane::dump_tasks() {
    std::string dump = "control loop\n" + rt::dump_tasks(rt::this_loop());
    for (const auto& core : cores_) {
        auto text = co_await rt::run_on(
            core->thread.loop(), [] { return rt::dump_tasks(rt::this_loop()); }, rt::this_loop().within(1s));
        dump +=
            fmt::format("\n{}\n{}", core->thread.name(), text ? *text : "does not answer within 1s: busy or stuck\n");
    }
    co_return dump;
}

namespace {

// On the worker's own core: its end, told to the control loop when nothing of it is left.
void end_worker(rt::Gate& gate, std::unique_ptr<CoreWorker>& worker, base::TimePoint deadline,
                std::function<void()> ended) {
    gate.spawn("stop the core", worker->stop(deadline), [&worker, ended = std::move(ended)] {
        worker.reset();
        ended();
    });
}

constexpr base::Duration kLast = 500ms;  // for a core to say that it has ended, when its requests have had their time
constexpr base::Duration kTryAgain = 10ms;

}  // namespace

rt::Task<base::Result<void>> DataPlane::stop(base::TimePoint deadline) {
    // Shared with the messages: one that comes after the wait below was given up finds it still there.
    auto one_ended = std::make_shared<rt::Signal>();
    rt::Loop* control = &rt::this_loop();
    const auto tell = [&](OneCore* core) {
        core->told = core->thread.loop().post([core, deadline, control, one_ended] {
            end_worker(core->ending, core->worker, deadline, [core, control, one_ended] {
                control->post([core, one_ended] {
                    core->ended = true;
                    one_ended->notify_all();
                });
            });
        });
    };
    const base::TimePoint last = std::max(deadline, control->now()) + kLast;
    for (;;) {
        std::string busy;
        bool all_told = true;
        for (const auto& core : cores_) {
            if (!core->told) tell(core.get());
            all_told = all_told && core->told;
            if (!core->ended) busy += (busy.empty() ? "" : ", ") + core->thread.name();
        }
        if (busy.empty()) break;
        if (control->now() >= last) {
            co_return base::fail(base::Code::timeout, fmt::format("{} did not end in time: busy or stuck", busy));
        }
        // A mailbox that is full takes nothing; its core may get over it.
        const base::TimePoint look = all_told ? last : std::min(last, control->now() + kTryAgain);
        co_await one_ended->wait({look, nullptr});
    }
    cores_.clear();
    co_return base::Result<void>{};
}

}  // namespace tl::app
