#include "app/core_worker.h"

namespace tl::app {

static_assert(telemetry::kHttp2Abuses.size() == http::kHttp2Abuses, "a kind of abuse has no name in the metrics");

void CoreWorker::apply(const PlaneSnapshotPtr& snapshot, base::TimePoint deadline) {
    snapshot_ = snapshot;
    engine_.reserve(snapshot->series, snapshot->pools);
    for (const auto& one : snapshot->upstreams) engine_.set_upstream(one.service, one.id, one.pool, one.rule);
    for (auto it = open_.begin(); it != open_.end();) {
        const auto found = snapshot->doors.find(it->first);
        if (found == snapshot->doors.end()) {
            closing_.spawn("close a door", close(std::move(it->second), deadline));
            it = open_.erase(it);
            continue;
        }
        it->second->handler.change_door(found->second.door);
        it->second->server.change_limits(found->second.rules.limits);
        ++it;
    }
}

void CoreWorker::open(const std::string& key, int listener) {
    auto door = std::make_unique<OpenDoor>(engine_, snapshot_->doors.at(key));
    // Attaching to epoll fails only when the kernel is out of memory; the port is then simply not served by this core.
    if (door->server.start(listener)) open_[key] = std::move(door);
}

rt::Task<void> CoreWorker::close(std::unique_ptr<OpenDoor> door, base::TimePoint deadline) {
    co_await door->server.stop(deadline);
    count(*door);
}

void CoreWorker::count(OpenDoor& door) {
    const http::ServerStats& now = door.server.stats();
    telemetry::DoorCell& cell = engine_.metrics().door(door.kind);
    cell.accepted += now.accepted - door.counted.accepted;
    cell.refused += now.turned_away - door.counted.turned_away;
    cell.open += static_cast<int64_t>(now.open) - static_cast<int64_t>(door.counted.open);
    cell.http2 += now.http2.connections - door.counted.http2.connections;
    for (size_t i = 0; i < http::kHttp2Abuses; ++i) {
        cell.http2_abuses[i] += now.http2.abuses[i] - door.counted.http2.abuses[i];
    }
    door.counted = now;
}

void CoreWorker::count_connections() {
    for (const auto& [key, door] : open_) count(*door);
}

rt::Task<void> CoreWorker::stop(base::TimePoint deadline) {
    for (auto& [key, door] : open_) closing_.spawn("close a door", close(std::move(door), deadline));
    open_.clear();
    co_await closing_.closed();
    co_await engine_.stop();
}

}  // namespace tl::app
