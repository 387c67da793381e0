// How the supervisor changes what runs: in turns, step by step, one instance at a time.
#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "base/log.h"
#include "base/units.h"
#include "supervisor/environment.h"
#include "supervisor/supervisor.h"

namespace tl::supervisor {

// Ends the turn of whoever has it.
class Supervisor::Turn {
  public:
    explicit Turn(Supervisor& of) : of_(of) {}
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    ~Turn() {
        of_.changing_ = false;
        of_.turn_over_.notify_all();
    }

  private:
    Supervisor& of_;
};

namespace {

base::Error stopping_error() { return {.code = base::Code::conflict, .context = "Trunkline is stopping"}; }

const ServiceSpec* find_spec(const std::vector<ServiceSpec>& specs, std::string_view name) {
    const auto found = std::ranges::find(specs, name, &ServiceSpec::name);
    return found == specs.end() ? nullptr : &*found;
}

// First what is new, so that its callers find it; then changes, callees before callers; what goes, goes last.
std::vector<size_t> order_of_work(const std::vector<Step>& steps, const CallOrder& order) {
    const auto rank = [&](size_t i) {
        const auto group = order.group.find(steps[i].service);
        return std::tuple{steps[i].action == Action::add ? 0 : 1, group == order.group.end() ? 0 : group->second, i};
    };
    std::vector<size_t> work;
    for (size_t i = 0; i < steps.size(); ++i) {
        if (steps[i].action != Action::remove) work.push_back(i);
    }
    std::ranges::sort(work, {}, rank);
    return work;
}

}  // namespace

rt::Task<base::Result<void>> Supervisor::take_turn(rt::Wait wait) {
    while (changing_ && !stopping_) {
        const rt::Wake wake = co_await turn_over_.wait(wait);
        if (wake != rt::Wake::ready) co_return base::fail(rt::wake_error(wake, "waiting for another change to end"));
    }
    if (stopping_) co_return base::fail(stopping_error());
    changing_ = true;
    co_return base::Result<void>{};
}

rt::Task<std::vector<Outcome>> Supervisor::apply(std::vector<ServiceSpec> next, rt::Wait wait) {
    const auto mine = co_await take_turn(wait);
    std::vector<Outcome> outcomes;
    for (Step& step : plan(specs(), next)) {
        const ServicePtr service = find(step.service);
        const bool half_done = service != nullptr && service->mixed;
        if (half_done && (step.action == Action::keep || step.action == Action::scale)) {
            step = {step.service, Action::restart, "an earlier change of it was done only in part"};
        }
        outcomes.push_back({.step = std::move(step), .error = std::nullopt});
    }
    if (!mine) {
        for (Outcome& outcome : outcomes) outcome.error = mine.error();
        co_return outcomes;
    }
    const Turn turn{*this};
    adopt_order(next);
    std::vector<Step> steps;
    std::vector<ServicePtr> gone;
    for (const Outcome& outcome : outcomes) {
        steps.push_back(outcome.step);
        if (outcome.step.action == Action::add) begin_service(*find_spec(next, outcome.step.service));
        if (outcome.step.action == Action::remove) gone.push_back(find(outcome.step.service));
    }
    for (const size_t i : order_of_work(steps, order_)) {
        const auto done =
            co_await take_step(steps[i], std::make_shared<const ServiceSpec>(*find_spec(next, steps[i].service)));
        if (!done) outcomes[i].error = done.error();
    }
    co_await remove(std::move(gone));
    co_return outcomes;
}

rt::Task<base::Result<void>> Supervisor::take_step(Step step, SpecPtr next) {
    const ServicePtr service = find(step.service);
    if (stopping_ || service == nullptr) co_return base::fail(stopping_error());
    base::Result<void> done;
    if (step.action == Action::add) {
        done = co_await wait_added(service);
    } else if (!service->started) {
        service->spec = next;  // it waits for what it calls, and will start as the new one
    } else if (step.action == Action::restart) {
        done = co_await replace_all(service, next);
    } else if (step.action == Action::scale) {
        done = co_await scale(service, next);
    } else {
        adopt_handling(*service, next);
    }
    service->last_change = done ? "" : done.error().message();
    if (!done)
        TL_LOG(error, "supervisor", "{} of {} failed: {}", to_string(step.action), step.service,
               done.error().message());
    co_return done;
}

rt::Task<base::Result<void>> Supervisor::wait_added(ServicePtr service) {
    // Bounded: it starts when what it calls is healthy or has had its time, and then has its own.
    while (!service->started && !service->given_up.requested()) {
        co_await rt::sleep(std::chrono::milliseconds{20}, &service->given_up);
    }
    const base::TimePoint deadline = rt::this_loop().now() + service->spec->run.start_deadline;
    for (const auto& instance : Instances{service->instances}) {
        const auto ready = co_await instance->wait_ready({deadline, &service->given_up});
        if (!ready) co_return base::fail(ready.error());
    }
    if (service->given_up.requested()) co_return base::fail(stopping_error());
    co_return base::Result<void>{};
}

rt::Task<base::Result<void>> Supervisor::replace_all(ServicePtr service, SpecPtr next) {
    const Instances old = service->instances;
    const size_t kept = std::min<size_t>(old.size(), next->run.replicas);
    for (size_t i = 0; i < kept; ++i) {
        auto replaced = co_await replace(service, old[i], next);
        if (replaced) continue;
        service->mixed = i > 0;
        if (i > 0) {
            replaced.error().context = fmt::format("{} of {} instances were replaced, the others stay as they were; {}",
                                                   i, kept, replaced.error().context);
        }
        co_return replaced;
    }
    service->mixed = false;
    // When fewer are wanted, what goes is old: scale() would choose the youngest, which are the successors.
    Instances surplus{old.begin() + static_cast<std::ptrdiff_t>(kept), old.end()};
    if (!surplus.empty()) {
        co_await stop_instances(service, std::move(surplus), "fewer instances are wanted", base::kNever);
    }
    const auto scaled = co_await scale(service, next);
    co_return scaled;
}

rt::Task<base::Result<void>> Supervisor::replace(ServicePtr service, std::shared_ptr<Instance> old, SpecPtr next) {
    if (stopping_) co_return base::fail(stopping_error());
    const auto fresh = launch(*service, next, Trust::successor);
    const rt::Wait wait{rt::this_loop().now() + next->run.start_deadline, &life_};
    const auto ready = co_await fresh->wait_ready(wait);
    if (!ready) {
        co_await stop_instances(service, Instances{fresh}, "it did not become healthy", base::kNever);
        if (stopping_) co_return base::fail(stopping_error());
        base::Error error = ready.error();
        error.context = fmt::format("{} stays: its successor {}", old->id(), error.context);
        co_return base::fail(std::move(error));
    }
    co_await stop_instances(service, Instances{old}, fmt::format("replaced by {}", fresh->id()), base::kNever);
    co_return base::Result<void>{};
}

rt::Task<base::Result<void>> Supervisor::scale(ServicePtr service, SpecPtr next) {
    if (stopping_) co_return base::fail(stopping_error());
    adopt_handling(*service, next);
    const size_t now = service->instances.size();
    if (now > next->run.replicas) {
        Instances surplus = service->least_needed(now - next->run.replicas);
        co_await stop_instances(service, std::move(surplus), "fewer instances are wanted", base::kNever);
        co_return base::Result<void>{};
    }
    Instances added;
    for (size_t i = now; i < next->run.replicas; ++i) added.push_back(launch(*service, next, Trust::regular));
    const rt::Wait wait{rt::this_loop().now() + next->run.start_deadline, &life_};
    for (const auto& instance : added) {
        const auto ready = co_await instance->wait_ready(wait);
        if (!ready) co_return base::fail(ready.error());
    }
    co_return base::Result<void>{};
}

rt::Task<void> Supervisor::remove(std::vector<ServicePtr> gone) {
    rt::Gate together;
    for (const ServicePtr& service : gone) {
        together.spawn("remove service",
                       stop_service(service, gone, "its service was removed from the manifest", base::kNever));
    }
    co_await together.closed();
    for (const ServicePtr& service : gone) {
        const std::string name = service->spec->name;
        services_.erase(name);
        shop_.logs.forget_service(name);
    }
}

void Supervisor::adopt_handling(Service& service, SpecPtr next) {
    for (const auto& instance : service.instances) instance->adopt_handling(next->run);
    service.spec = std::move(next);
}

rt::Task<base::Result<void>> Supervisor::restart(std::string name, rt::Wait wait) {
    const auto mine = co_await take_turn(wait);
    if (!mine) co_return base::fail(mine.error());
    const Turn turn{*this};
    const ServicePtr service = find(name);
    if (service == nullptr) co_return base::fail(base::Code::not_found, fmt::format("no service is called {}", name));
    if (!service->started) {
        co_return base::fail(base::Code::conflict,
                             fmt::format("{} has not started yet: it waits for what it calls", name));
    }
    ServiceSpec fresh = *service->spec;
    fresh.fingerprint = fingerprint_files(fresh);
    const auto done = co_await replace_all(service, std::make_shared<const ServiceSpec>(std::move(fresh)));
    service->last_change = done ? "" : done.error().message();
    co_return done;
}

}  // namespace tl::supervisor
