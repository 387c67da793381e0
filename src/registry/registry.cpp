#include "registry/registry.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "registry/endpoint_selection.h"
#include "registry/publisher.h"
#include "registry/records.h"

namespace tl::registry {

namespace {

base::Error no_service(std::string_view name) {
    return {.code = base::Code::not_found, .context = fmt::format("there is no service \"{}\"", name)};
}

base::Error no_instance(std::string_view id) {
    return {.code = base::Code::not_found, .context = fmt::format("there is no instance \"{}\"", id)};
}

base::Level level_of(InstanceState state) {
    if (state == InstanceState::starting) return base::Level::debug;
    return state == InstanceState::unhealthy ? base::Level::warning : base::Level::info;
}

void log_change(const StateChange& change) {
    base::log(level_of(change.to), "registry", "{} is {}: {}", change.instance, to_string(change.to),
              base::printable(change.reason));
}

}  // namespace

Registry::Registry(RegistryOptions options)
    : options_(options), publisher_(std::make_unique<Publisher>(*options.sink)) {}

Registry::~Registry() {
    // Service and instance point at each other.
    for (const auto& [id, instance] : instances_) instance->service->instances.clear();
}

Registry::ServicePtr Registry::find_service(std::string_view name) const {
    const auto place = services_.find(name);
    return place == services_.end() ? nullptr : place->second;
}

Registry::InstancePtr Registry::find_instance(std::string_view id) const {
    const auto place = instances_.find(id);
    return place == instances_.end() ? nullptr : place->second;
}

base::Result<void> Registry::add_service(ServiceSpec spec) {
    if (find_service(spec.name)) {
        return base::fail(base::Code::conflict, fmt::format("there is a service \"{}\" already", spec.name));
    }
    if (services_.size() >= kMostServices) {
        return base::fail(base::Code::too_large,
                          fmt::format("there are {} services, the most there can be", kMostServices));
    }
    auto service = std::make_shared<Service>();
    service->spec = std::move(spec);
    services_.emplace(service->spec.name, service);
    publish(*service);
    return {};
}

base::Result<void> Registry::update_service(ServiceSpec spec) {
    const ServicePtr service = find_service(spec.name);
    if (!service) return base::fail(no_service(spec.name));
    const bool new_probes = !(service->spec.config.health == spec.config.health) || service->spec.tls != spec.tls;
    service->spec = std::move(spec);
    if (new_probes) {
        for (const InstancePtr& instance : service->instances) {
            if (instance->state != InstanceState::draining) begin_watch(instance);
        }
    }
    publish(*service);
    return {};
}

base::Result<void> Registry::remove_service(std::string_view name, std::string_view reason) {
    const ServicePtr service = find_service(name);
    if (!service) return base::fail(no_service(name));
    service->removed = true;
    const auto instances = service->instances;
    for (const InstancePtr& instance : instances) change(*instance, InstanceState::gone, std::string{reason});
    for (const InstancePtr& instance : instances) instances_.erase(instance->spec.id);
    service->instances.clear();
    services_.erase(service->spec.name);
    publisher_->retire(service->spec.name);
    service->changed.notify_all();
    return {};
}

base::Result<void> Registry::add_instance(InstanceSpec spec) {
    const ServicePtr service = find_service(spec.service);
    if (!service) return base::fail(no_service(spec.service));
    if (find_instance(spec.id)) {
        return base::fail(base::Code::conflict, fmt::format("there is an instance \"{}\" already", spec.id));
    }
    if (service->instances.size() >= kMostInstances) {
        return base::fail(base::Code::too_large,
                          fmt::format("\"{}\" has {} instances, the most it can have", spec.service, kMostInstances));
    }
    auto instance = std::make_shared<Instance>();
    instance->spec = std::move(spec);
    instance->service = service;
    service->instances.push_back(instance);
    instances_.emplace(instance->spec.id, instance);
    change(*instance, InstanceState::starting, fmt::format("added at {}", instance->spec.address.to_string()));
    begin_watch(instance);
    return {};
}

base::Result<void> Registry::restore(std::string_view name, std::vector<Known> instances) {
    const ServicePtr service = find_service(name);
    if (!service) return base::fail(no_service(name));
    for (Known& known : instances) {
        if (find_instance(known.spec.id)) {
            return base::fail(base::Code::conflict, fmt::format("there is an instance \"{}\" already", known.spec.id));
        }
        auto instance = std::make_shared<Instance>();
        instance->spec = std::move(known.spec);
        instance->service = service;
        instance->state = known.state;
        instance->reason = std::move(known.reason);
        instance->since = known.since;
        instance->last_probe = std::move(known.last_probe);
        service->instances.push_back(instance);
        instances_.emplace(instance->spec.id, instance);
    }
    publish(*service);
    const auto all = service->instances;
    for (const InstancePtr& instance : all) go_on_watching(instance);
    service->changed.notify_all();
    return {};
}

base::Result<void> Registry::remove_instance(std::string_view id, std::string_view reason) {
    const InstancePtr instance = find_instance(id);
    if (!instance) return base::fail(no_instance(id));
    change(*instance, InstanceState::gone, std::string{reason});
    std::erase(instance->service->instances, instance);
    instances_.erase(instance->spec.id);
    return {};
}

base::Result<void> Registry::place_instance(std::string_view id, Placement placement) {
    const InstancePtr instance = find_instance(id);
    if (!instance) return base::fail(no_instance(id));
    instance->spec.version = std::move(placement.version);
    instance->spec.zone = std::move(placement.zone);
    instance->spec.weight = placement.weight;
    publish(*instance->service);
    return {};
}

// The one place where a state changes: recorded, told and published before it returns.
void Registry::change(Instance& instance, InstanceState to, std::string reason) {
    Service& service = *instance.service;
    StateChange record{.service = service.spec.name,
                       .instance = instance.spec.id,
                       .from = instance.state,
                       .to = to,
                       .reason = reason,
                       .at = options_.wall()};
    instance.state = to;
    instance.reason = std::move(reason);
    instance.since = record.at;
    ++instance.changes;
    instance.probes.reset();
    instance.outcomes.reset();
    const bool over = to == InstanceState::draining || to == InstanceState::gone;
    if (over && instance.life) instance.life->request();
    log_change(record);
    service.history.push_back(record);
    if (service.history.size() > kHistory) service.history.pop_front();
    if (!service.removed) publish(service);
    service.changed.notify_all();
    if (options_.observer != nullptr) options_.observer->on_change(record);
}

void Registry::publish(Service& service) {
    std::vector<Candidate> candidates;
    candidates.reserve(service.instances.size());
    for (const InstancePtr& instance : service.instances) {
        const InstanceSpec& spec = instance->spec;
        candidates.push_back({{.id = spec.id,
                               .address = spec.address,
                               .version = spec.version,
                               .zone = spec.zone,
                               .weight = spec.weight,
                               .host = spec.host},
                              instance->state});
    }
    Selection selection =
        select_endpoints(service.spec.name, std::move(candidates), service.spec.config.panic_threshold);
    if (selection.panic && !service.panic) TL_LOG(warning, "registry", "{}: {}", service.spec.name, selection.reason);
    service.panic = selection.panic;
    service.reason = selection.reason;
    publisher_->publish(service.spec.name, std::move(selection));
}

uint64_t Registry::revision(std::string_view service) const { return publisher_->revision(service); }

RegistrySnapshot Registry::snapshot() const {
    RegistrySnapshot all{.propagation = publisher_->total()};
    for (const auto& [name, service] : services_) {
        ServiceView view{.name = name,
                         .config = service->spec.config,
                         .history = {service->history.begin(), service->history.end()},
                         .panic = service->panic,
                         .reason = service->reason,
                         .revision = publisher_->revision(name),
                         .acknowledged = publisher_->acknowledged(name),
                         .propagation = publisher_->propagation(name)};
        for (const InstancePtr& instance : service->instances) {
            view.instances.push_back({.id = instance->spec.id,
                                      .address = instance->spec.address,
                                      .version = instance->spec.version,
                                      .zone = instance->spec.zone,
                                      .weight = instance->spec.weight,
                                      .host = instance->spec.host,
                                      .state = instance->state,
                                      .reason = instance->reason,
                                      .since = instance->since,
                                      .last_probe = instance->last_probe,
                                      .probes = instance->probe_count,
                                      .failed_probes = instance->failed_probes});
            if (instance->state == InstanceState::healthy) ++view.healthy;
        }
        all.services.push_back(std::move(view));
    }
    return all;
}

}  // namespace tl::registry
