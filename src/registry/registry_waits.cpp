// The registry's waits: for health, for acknowledgements, for the last request of a draining instance; and its end.
#include <fmt/format.h>

#include <algorithm>

#include "registry/publisher.h"
#include "registry/records.h"

namespace tl::registry {

namespace {

constexpr base::Duration kInFlightPause = 15ms;

base::Error stopping() { return {.code = base::Code::cancelled, .context = "the registry is stopping"}; }

std::string last_word(const Instance& instance) {
    return instance.last_probe.empty() ? instance.reason : instance.last_probe;
}

bool any_healthy(const Service& service) {
    return std::ranges::any_of(service.instances, [](const auto& one) { return one->state == InstanceState::healthy; });
}

}  // namespace

// Someone's wait inside the registry: stop() lets it leave first.
class Registry::Caller {
  public:
    explicit Caller(Registry& registry) : registry_(&registry) { ++registry.callers_; }
    ~Caller() {
        --registry_->callers_;
        registry_->caller_left_.notify_all();
    }
    Caller(const Caller&) = delete;
    Caller& operator=(const Caller&) = delete;

  private:
    Registry* registry_;
};

rt::Task<base::Result<void>> Registry::wait_healthy(std::string id, rt::Wait wait) {
    const Caller inside{*this};
    const InstancePtr instance = find_instance(id);
    if (!instance) co_return base::fail(base::Code::not_found, fmt::format("there is no instance \"{}\"", id));
    while (instance->state != InstanceState::healthy) {
        if (instance->state == InstanceState::gone || instance->state == InstanceState::draining) {
            co_return base::fail(base::Code::not_found,
                                 fmt::format("\"{}\" is {}: {}", id, to_string(instance->state), instance->reason));
        }
        if (life_.requested()) co_return base::fail(stopping());
        const rt::Wake wake = co_await instance->service->changed.wait(wait);
        if (wake == rt::Wake::ready) continue;
        co_return base::fail(
            rt::wake_error(wake, fmt::format("waiting until \"{}\" is healthy ({})", id, last_word(*instance))));
    }
    co_return base::Result<void>{};
}

rt::Task<base::Result<void>> Registry::wait_service_healthy(std::string name, rt::Wait wait) {
    const Caller inside{*this};
    const ServicePtr service = find_service(name);
    while (service && !service->removed) {
        if (any_healthy(*service)) co_return base::Result<void>{};
        if (life_.requested()) co_return base::fail(stopping());
        const rt::Wake wake = co_await service->changed.wait(wait);
        if (wake == rt::Wake::ready) continue;
        const std::string why =
            service->instances.empty() ? "it has no instance" : last_word(*service->instances.front());
        co_return base::fail(
            rt::wake_error(wake, fmt::format("waiting until an instance of \"{}\" is healthy ({})", name, why)));
    }
    co_return base::fail(base::Code::not_found, fmt::format("there is no service \"{}\"", name));
}

rt::Task<base::Result<void>> Registry::wait_acknowledged(std::string service, uint64_t revision, rt::Wait wait) {
    const Caller inside{*this};
    base::Result<void> result = co_await publisher_->wait_acknowledged(std::move(service), revision, wait);
    co_return result;
}

rt::Task<base::Result<void>> Registry::drain(std::string id, std::string reason, rt::Wait wait) {
    const Caller inside{*this};
    const InstancePtr instance = find_instance(id);
    if (!instance) co_return base::fail(base::Code::not_found, fmt::format("there is no instance \"{}\"", id));
    if (instance->state != InstanceState::draining) change(*instance, InstanceState::draining, std::move(reason));
    const std::string& service = instance->spec.service;
    const base::Result<void> used =
        co_await publisher_->wait_acknowledged(service, publisher_->revision(service), wait);
    if (!used) co_return used;
    base::Result<void> idle = co_await until_idle(instance, wait);
    co_return idle;
}

// Asked again and again: requests end on other cores, and counting there costs them nothing this way.
rt::Task<base::Result<void>> Registry::until_idle(InstancePtr instance, rt::Wait wait) {
    if (options_.in_flight == nullptr) co_return base::Result<void>{};
    std::string left = "an unknown number of requests";
    for (;;) {
        if (instance->state == InstanceState::gone) co_return base::Result<void>{};
        if (life_.requested()) co_return base::fail(stopping());
        const auto count = co_await options_.in_flight->in_flight(instance->spec.service, instance->spec.id, wait);
        if (count && *count == 0) co_return base::Result<void>{};
        if (count) left = fmt::format("{} request{}", *count, *count == 1 ? "" : "s");
        const rt::Wake wake = co_await rt::wait_for(wait.until(rt::this_loop().now() + kInFlightPause));
        const bool over = wake == rt::Wake::cancelled || rt::this_loop().now() >= wait.deadline;
        if (!over) continue;
        co_return base::fail(
            rt::wake_error(wake, fmt::format("draining \"{}\": {} still in flight", instance->spec.id, left)));
    }
}

rt::Task<void> Registry::stop() {
    life_.request();
    publisher_->stop();
    for (const auto& [name, service] : services_) service->changed.notify_all();
    co_await gate_.closed();
    while (callers_ > 0) co_await caller_left_.wait();
}

}  // namespace tl::registry
