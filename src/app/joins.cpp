#include "app/joins.h"

#include <fmt/format.h>

#include <csignal>

#include "app/plane_builder.h"
#include "base/log.h"
#include "rt/process.h"
#include "supervisor/run_state.h"

namespace tl::app {

void RegistryBook::instance_starting(const supervisor::StartedInstance& instance) {
    const auto added = registry_->add_instance({.id = instance.id,
                                                .service = callee(instance.service),
                                                .address = instance.address,
                                                .version = instance.version,
                                                .zone = places_[instance.service].zone,
                                                .origin = registry::Origin::process});
    ran_[instance.id] = instance.service;
    if (!added) TL_LOG(error, "app", "{} cannot be registered: {}", instance.id, added.error().message());
}

void RegistryBook::set_places(const Manifest& manifest) {
    for (const NamedService& service : services_of(manifest)) {
        if (service.config->run.run) {
            places_[service.name->value] = {callee_of(service), zone_of(manifest, *service.config)};
        }
    }
    for (const auto& service : registry_->snapshot().services) {
        for (const auto& instance : service.instances) {
            const auto ran = ran_.find(instance.id);
            if (ran == ran_.end() || places_[ran->second].zone == instance.zone) continue;
            [[maybe_unused]] const auto placed =
                registry_->place_instance(instance.id, {instance.version, places_[ran->second].zone, instance.weight});
        }
    }
}

std::string RegistryBook::callee(const std::string& service) const {
    const auto place = places_.find(service);
    return place == places_.end() ? service : place->second.callee;
}

std::string RegistryBook::runner(const std::string& instance, const std::string& service) const {
    const auto ran = ran_.find(instance);
    return ran == ran_.end() ? service : ran->second;
}

void RegistryBook::instance_gone(const std::string& id, const std::string& reason) {
    ran_.erase(id);
    // Unknown when its service was taken out before: then there is nothing left to do.
    [[maybe_unused]] const auto removed = registry_->remove_instance(id, reason);
}

rt::Task<base::Result<void>> RegistryBook::wait_healthy(std::string id, rt::Wait wait) {
    return registry_->wait_healthy(std::move(id), wait);
}

std::string RegistryBook::last_probe(const std::string& id) const {
    const registry::RegistrySnapshot now = registry_->snapshot();
    for (const auto& service : now.services) {
        for (const auto& instance : service.instances) {
            if (instance.id == id) return instance.last_probe;
        }
    }
    return "";
}

rt::Task<base::Result<void>> RegistryBook::wait_service_healthy(std::string service, rt::Wait wait) {
    return registry_->wait_service_healthy(std::move(service), wait);
}

rt::Task<void> RegistryBook::drain(std::string id, std::string reason, base::TimePoint deadline) {
    // Whatever ends it - idle, gone, the deadline - the supervisor goes on to stop the process.
    [[maybe_unused]] const auto drained = co_await registry_->drain(id, reason, {deadline, nullptr});
}

std::string SidecarAddresses::url_of(const std::string& door_key) const {
    const auto found = by_key_.find(door_key);
    return found == by_key_.end() ? "" : "http://" + found->second.to_string();
}

std::string SidecarAddresses::url_for(std::string_view caller, std::string_view callee) {
    return url_of(callee_door_key(caller, callee));
}

std::vector<SidecarAddresses::TcpDoor> SidecarAddresses::tcp_doors(std::string_view caller) {
    std::vector<TcpDoor> doors;
    const std::string prefix = tcp_door_key(caller, "");
    for (auto door = by_key_.lower_bound(prefix); door != by_key_.end() && door->first.starts_with(prefix); ++door) {
        doors.push_back({door->first.substr(prefix.size()), door->second.ip(), door->second.port()});
    }
    return doors;
}

std::string SidecarAddresses::proxy_for(std::string_view caller) { return url_of(proxy_door_key(caller)); }

rt::Task<base::Result<int>> ProbeRunner::run(std::string command, std::vector<std::pair<std::string, std::string>> env,
                                             rt::Wait wait) {
    rt::ProcessSpec spec{.argv = {"/bin/sh", "-c", std::move(command)}, .env = inherited_, .cwd = folder_};
    env.emplace_back(supervisor::kRunVariable, run_id_);  // so that the guard finds what a probe leaves behind
    for (const auto& [name, value] : env) {
        std::string entry = fmt::format("{}={}", name, value);
        const std::string_view prefix{entry.data(), name.size() + 1};
        std::erase_if(spec.env, [&](const std::string& old) { return old.starts_with(prefix); });
        spec.env.push_back(std::move(entry));
    }
    auto process = rt::Process::spawn(spec);
    if (!process) co_return base::fail(process.error());
    const auto ended = co_await process->wait(wait);
    if (!ended) co_return base::fail(ended.error());  // Process's end kills what still runs
    co_return ended->signal != 0 ? 128 + ended->signal : ended->code;
}

}  // namespace tl::app
