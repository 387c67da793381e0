// What an upgrade asks of the data plane: its sockets for the next program, and to run on in a fork until what is open
// has ended.
#include <fmt/format.h>

#include "app/data_plane.h"

namespace tl::app {

rt::Task<base::Result<std::vector<DataPlane::OpenSockets>>> DataPlane::sockets(rt::Wait wait) {
    std::map<std::string, OpenSockets> doors;
    for (const auto& core : cores_) {
        CoreWorker* worker = core->worker.get();
        const auto open = co_await rt::run_on(core->thread.loop(), [worker] { return worker->listeners(); }, wait);
        if (!open) co_return base::fail(open.error());
        for (const auto& [key, socket] : *open) {
            OpenSockets& door = doors.try_emplace(key, OpenSockets{.key = key, .sockets = {}}).first->second;
            door.sockets.push_back(socket);
        }
    }
    std::vector<OpenSockets> all;
    for (auto& [key, door] : doors) {
        // A core whose listener could not be attached: there would be a queue that nobody empties.
        if (door.sockets.size() != cores_.size()) {
            co_return base::fail(base::Code::internal, fmt::format("the door \"{}\" is not open on every core", key));
        }
        all.push_back(std::move(door));
    }
    co_return all;
}

base::Result<void> DataPlane::pause(base::Duration most) {
    const base::TimePoint deadline = base::steady_now() + most;
    std::string busy;
    for (const auto& core : cores_) {
        if (!core->thread.park(deadline)) busy += (busy.empty() ? "" : ", ") + core->thread.name();
    }
    if (!busy.empty()) {
        go_on();
        return base::fail(base::Code::timeout, fmt::format("{} could not be paused: busy or stuck", busy));
    }
    // Ended rather than parked, so that the fork finds a process of one thread.
    for (const auto& core : cores_) core->thread.leave();
    return {};
}

void DataPlane::go_on() {
    for (const auto& core : cores_) core->thread.go_on();
}

std::vector<int> DataPlane::descriptors() const {
    std::vector<int> all;
    for (const auto& core : cores_) {
        for (const int descriptor : core->thread.loop().descriptors()) all.push_back(descriptor);
    }
    return all;
}

rt::Task<void> DataPlane::drain(base::TimePoint deadline) {
    for (const auto& core : cores_) {
        CoreWorker* worker = core->worker.get();
        [[maybe_unused]] const auto told =
            co_await rt::run_on(core->thread.loop(), [worker, deadline] { worker->drain(deadline); });
    }
}

rt::Task<void> DataPlane::hurry(base::TimePoint deadline) {
    for (const auto& core : cores_) {
        CoreWorker* worker = core->worker.get();
        [[maybe_unused]] const auto told =
            co_await rt::run_on(core->thread.loop(), [worker, deadline] { worker->hurry(deadline); });
    }
}

rt::Task<CoreWorker::Load> DataPlane::load(rt::Wait wait) {
    CoreWorker::Load sum;
    for (const auto& core : cores_) {
        CoreWorker* worker = core->worker.get();
        const auto one = co_await rt::run_on(core->thread.loop(), [worker] { return worker->load(); }, wait);
        if (!one) continue;
        sum.connections += one->connections;
        sum.doors += one->doors;
    }
    co_return sum;
}

}  // namespace tl::app
