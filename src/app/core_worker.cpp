#include "app/core_worker.h"

#include <algorithm>

namespace tl::app {

void CoreWorker::apply(const PlaneSnapshotPtr& snapshot, base::TimePoint deadline) {
    std::erase_if(former_, [](const auto& door) { return door.expired(); });
    if (snapshot_ != nullptr) {
        for (const auto& [key, door] : snapshot_->doors) former_.push_back(door.door);
    }
    snapshot_ = snapshot;
    engine_.reserve(snapshot->series, snapshot->pools);
    std::vector<telemetry::NameId> used;
    for (const auto& one : snapshot->upstreams) {
        engine_.set_upstream(one.service, one.id, one.pool, one.rule);
        used.push_back(one.id);
    }
    std::ranges::sort(used);
    for (auto it = open_.begin(); it != open_.end();) {
        const auto found = snapshot->doors.find(it->first);
        if (found == snapshot->doors.end()) {
            closing_.spawn("close a door", close(std::move(it->second), deadline));
            it = open_.erase(it);
            continue;
        }
        it->second->change(found->second.door, part_of(found->second.rules));
        ++it;
    }
    // One budget, whatever door a request comes by.
    if (!snapshot->doors.empty()) engine_.set_memory(part_of(snapshot->doors.begin()->second.rules).limits.memory);
    engine_.keep_upstreams(used, former_);
}

void CoreWorker::open(const std::string& key, int listener) {
    const PlaneSnapshot::OneDoor& wanted = snapshot_->doors.at(key);
    auto door = make_open_door(engine_, wanted.door, part_of(wanted.rules));
    // Attaching to epoll fails only when the kernel is out of memory; the port is then simply not served by this core.
    if (door->start(listener)) open_[key] = std::move(door);
}

rt::Task<void> CoreWorker::close(std::unique_ptr<OpenDoor> door, base::TimePoint deadline) {
    co_await door->stop(deadline);
    door->count(engine_);
}

void CoreWorker::count_connections() {
    for (const auto& [key, door] : open_) door->count(engine_);
}

std::map<std::string, int> CoreWorker::listeners() const {
    std::map<std::string, int> all;
    for (const auto& [key, door] : open_) all[key] = door->listener();
    return all;
}

rt::Task<void> CoreWorker::drain(std::shared_ptr<OpenDoor> door, base::TimePoint deadline) {
    co_await door->drain(deadline);
    std::erase(draining_, door);
}

void CoreWorker::drain(base::TimePoint deadline) {
    for (auto& [key, door] : open_) draining_.emplace_back(std::move(door));
    open_.clear();
    const auto all = draining_;
    for (const auto& door : all) closing_.spawn("drain a door", drain(door, deadline));
}

void CoreWorker::hurry(base::TimePoint deadline) {
    for (const auto& door : draining_) closing_.spawn("hurry a door", drain(door, deadline));
}

CoreWorker::Load CoreWorker::load() const {
    Load load{.doors = closing_.count() + open_.size()};
    for (const auto& door : draining_) load.connections += door->connections();
    for (const auto& [key, door] : open_) load.connections += door->connections();
    return load;
}

rt::Task<void> CoreWorker::stop(base::TimePoint deadline) {
    for (auto& [key, door] : open_) closing_.spawn("close a door", close(std::move(door), deadline));
    open_.clear();
    co_await closing_.closed();
    co_await engine_.stop();
}

}  // namespace tl::app
