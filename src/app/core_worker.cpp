#include "app/core_worker.h"

#include <algorithm>

namespace tl::app {

static_assert(telemetry::kHttp2Abuses.size() == http::kHttp2Abuses, "a kind of abuse has no name in the metrics");

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
        it->second->handler.change_door(found->second.door);
        it->second->server.change_limits(part_of(found->second.rules.limits));
        it->second->server.set_tls(found->second.rules.tls, found->second.rules.tls_limits);
        it->second->server.set_shortcut(found->second.rules.shortcut);
        ++it;
    }
    engine_.keep_upstreams(used, former_);
}

void CoreWorker::open(const std::string& key, int listener) {
    const PlaneSnapshot::OneDoor& wanted = snapshot_->doors.at(key);
    auto door = std::make_unique<OpenDoor>(engine_, wanted, part_of(wanted.rules.limits));
    // Attaching to epoll fails only when the kernel is out of memory; the port is then simply not served by this core.
    if (!door->server.start(listener)) return;
    door->server.set_shortcut(wanted.rules.shortcut);
    open_[key] = std::move(door);
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
    const net::TlsStats tls = door.server.tls_stats();
    cell.handshakes += tls.handshakes - door.counted_tls.handshakes;
    cell.resumed += tls.resumed - door.counted_tls.resumed;
    cell.failed_handshakes += tls.failed - door.counted_tls.failed;
    door.counted_tls = tls;
}

void CoreWorker::count_connections() {
    for (const auto& [key, door] : open_) count(*door);
}

std::map<std::string, int> CoreWorker::listeners() const {
    std::map<std::string, int> all;
    for (const auto& [key, door] : open_) all[key] = door->server.listener_fd();
    return all;
}

rt::Task<void> CoreWorker::drain(std::shared_ptr<OpenDoor> door, base::TimePoint deadline) {
    co_await door->server.drain(deadline);
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
    for (const auto& door : draining_) load.connections += door->server.stats().open;
    for (const auto& [key, door] : open_) load.connections += door->server.stats().open;
    return load;
}

rt::Task<void> CoreWorker::stop(base::TimePoint deadline) {
    for (auto& [key, door] : open_) closing_.spawn("close a door", close(std::move(door), deadline));
    open_.clear();
    co_await closing_.closed();
    co_await engine_.stop();
}

}  // namespace tl::app
