#include "supervisor/supervisor.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "base/units.h"

namespace tl::supervisor {

using namespace std::chrono_literals;

namespace {

constexpr base::Duration kLook = 500ms;   // how soon a wait for a callee notices that the callee was started
constexpr base::Duration kLast = 500ms;   // for a change to notice that its services have been stopped
constexpr base::Duration kMessage = 10s;  // how often a wait for a callee is reported

std::string shown(base::Duration d) {
    if (d < 10s) return base::format_duration(std::chrono::round<std::chrono::milliseconds>(d));
    return base::format_duration(std::chrono::round<std::chrono::seconds>(d));
}

}  // namespace

Supervisor::Supervisor(SupervisorOptions options, InstanceBook& book, CallAddresses& addresses)
    : shop_(std::move(options), book, addresses) {}

Supervisor::~Supervisor() = default;

// ---- Starting

void Supervisor::start(std::vector<ServiceSpec> specs) {
    adopt_order(specs);
    for (ServiceSpec& spec : specs) begin_service(std::move(spec));
}

void Supervisor::adopt_order(const std::vector<ServiceSpec>& specs) {
    CallOrder order = make_call_order(specs);
    for (const CallOrder::Cycle& cycle : order.cycles) {
        const auto known = std::ranges::find(order_.cycles, cycle.warning, &CallOrder::Cycle::warning);
        if (known == order_.cycles.end()) TL_LOG(warning, "supervisor", "{}", cycle.warning);
    }
    order_ = std::move(order);
}

void Supervisor::begin_service(ServiceSpec spec) {
    const std::string name = spec.name;
    const auto service = std::make_shared<Service>(shop_, std::move(spec), life_);
    services_.insert_or_assign(name, service);
    gate_.spawn("start service", bring_up(service));
}

rt::Task<void> Supervisor::bring_up(ServicePtr service) {
    const std::string name = service->spec->name;
    for (const std::string& callee : service->spec->calls) {
        const bool waits = callee != name && !order_.same_cycle(name, callee);
        if (waits) service->waiting_for.push_back(callee);
    }
    while (!service->waiting_for.empty()) {
        co_await wait_for_callee(service, service->waiting_for.front());
        if (service->given_up.requested()) co_return;
        service->waiting_for.erase(service->waiting_for.begin());
    }
    service->started = rt::this_loop().now();
    const SpecPtr spec = service->spec;
    for (uint32_t i = 0; i < spec->run.replicas; ++i) launch(*service, spec, Trust::regular);
}

rt::Task<void> Supervisor::wait_for_callee(ServicePtr service, std::string callee) {
    const std::string name = service->spec->name;  // a change may replace the spec meanwhile
    const base::TimePoint began = rt::this_loop().now();
    base::TimePoint next_message = began + kMessage;
    for (;;) {
        base::TimePoint now = rt::this_loop().now();
        base::TimePoint deadline = callee_deadline(*service, callee, began);
        const rt::Wait look{std::min({deadline, now + kLook, next_message}), &service->given_up};
        const auto healthy = co_await shop_.book.wait_service_healthy(callee, look);
        if (healthy || service->given_up.requested()) co_return;
        now = rt::this_loop().now();
        deadline = callee_deadline(*service, callee, began);
        if (now >= deadline) {
            TL_LOG(warning, "supervisor", "{} is started although {}, which it calls, is not healthy after {}", name,
                   callee, shown(now - began));
            co_return;
        }
        if (now >= next_message) {
            TL_LOG(info, "supervisor", "{} waits for {} to be healthy, {} so far", name, callee, shown(now - began));
            next_message += kMessage;
        }
        // A book that fails at once must not make this a busy loop.
        const bool too_soon = healthy.error().code != base::Code::timeout;
        if (too_soon) co_await rt::sleep(100ms, &service->given_up);
    }
}

// A callee of ours counts from its own start; until then it waits itself, for a bounded time.
base::TimePoint Supervisor::callee_deadline(const Service& caller, const std::string& callee,
                                            base::TimePoint began) const {
    const ServicePtr ours = find(callee);
    if (ours == nullptr) return began + caller.spec->run.start_deadline;
    if (!ours->started) return base::kNever;
    return *ours->started + ours->spec->run.start_deadline;
}

std::shared_ptr<Instance> Supervisor::launch(Service& service, SpecPtr spec, Trust trust) {
    auto instance = service.add_instance(std::move(spec), trust);
    run(instance);
    return instance;
}

void Supervisor::run(const std::shared_ptr<Instance>& instance) {
    // The frame keeps the instance as long as it runs.
    auto life = [](std::shared_ptr<Instance> kept) -> rt::Task<void> { co_await kept->run(); };
    gate_.spawn("instance", life(instance));
}

Supervisor::ServicePtr Supervisor::find(std::string_view name) const {
    const auto found = services_.find(name);
    return found == services_.end() ? nullptr : found->second;
}

// ---- Stopping

rt::Task<void> Supervisor::stop_instances(ServicePtr service, Instances instances, std::string reason,
                                          base::TimePoint deadline) {
    rt::Gate together;
    for (const auto& instance : instances) {
        auto stop = [](std::shared_ptr<Instance> kept, std::string why, base::TimePoint by) -> rt::Task<void> {
            co_await kept->stop(std::move(why), by);
        };
        together.spawn("stop instance", stop(instance, reason, deadline));
    }
    co_await together.closed();
    for (const auto& instance : instances) service->erase(*instance);
}

// `with`: all that are stopped together with it; those of them that call it go first.
rt::Task<void> Supervisor::stop_service(ServicePtr service, std::vector<ServicePtr> with, std::string reason,
                                        base::TimePoint deadline) {
    const std::string name = service->spec->name;
    service->given_up.request();
    for (const ServicePtr& other : with) {
        const auto& calls = other->spec->calls;
        const bool is_caller = other != service && std::ranges::find(calls, name) != calls.end();
        if (is_caller && !order_.same_cycle(name, other->spec->name)) co_await other->stopped.wait();
    }
    // Those that it calls need their share of what is left.
    const base::TimePoint now = rt::this_loop().now();
    const auto height = order_.height.find(name);
    const auto shares = static_cast<int64_t>(height == order_.height.end() ? 1 : height->second);
    const base::TimePoint by = deadline == base::kNever ? deadline : now + (deadline - now) / shares;
    co_await stop_instances(service, service->instances, std::move(reason), by);
    service->stopped.set();
}

rt::Task<void> Supervisor::stop_all(base::TimePoint deadline) {
    stopping_ = true;
    life_.request();
    gate_.close();
    std::vector<ServicePtr> all;
    for (const auto& [name, service] : services_) all.push_back(service);
    rt::Gate together;
    for (const ServicePtr& service : all) {
        together.spawn("stop service", stop_service(service, all, "Trunkline is stopping", deadline));
    }
    co_await together.closed();
    co_await gate_.closed();
    const base::TimePoint last =
        deadline == base::kNever ? deadline : std::max(deadline, rt::this_loop().now()) + kLast;
    while (changing_) {
        const rt::Wake wake = co_await turn_over_.wait({last, nullptr});
        if (wake == rt::Wake::timeout) break;  // stuck: whoever ends the system sees it too, and says so
    }
    shop_.cgroups.remove_homes();
}

// ---- Showing

std::vector<ServiceStatus> Supervisor::status(bool with_usage) const {
    std::vector<ServiceStatus> out;
    for (const auto& [name, service] : services_) out.push_back(service->status(with_usage));
    return out;
}

std::vector<ServiceSpec> Supervisor::specs() const {
    std::vector<ServiceSpec> out;
    for (const auto& [name, service] : services_) out.push_back(*service->spec);
    return out;
}

}  // namespace tl::supervisor
