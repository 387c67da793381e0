// Runs the services of the manifest: starts them in the order of their calls, restarts what crashes, replaces instances
// without losing a request, stops exactly. The supervisor owns services and instances; all of it lives on the control
// loop, whose thread must live as long as the process (children die with the thread that started them).
// It knows nothing of routes, probes and balancers: see instance_book.h and call_addresses.h.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "rt/event.h"
#include "rt/gate.h"
#include "supervisor/call_order.h"
#include "supervisor/plan.h"
#include "supervisor/service.h"

namespace tl::supervisor {

// How one step of a change went.
struct Outcome {
    Step step;
    std::optional<base::Error> error;  // set: not done, or in part; what ran before still runs
};

class Supervisor {
  public:
    // `book` and `addresses` outlive it.
    Supervisor(SupervisorOptions options, InstanceBook& book, CallAddresses& addresses);
    // stop_all() must have ended.
    ~Supervisor();
    Supervisor(const Supervisor&) = delete;
    Supervisor& operator=(const Supervisor&) = delete;

    // Begins to start all services and returns; each waits for what it calls. Once.
    void start(std::vector<ServiceSpec> specs);
    // For the next program in this process, and there instead of start(): `specs` are what was meant to run. Services
    // of which nothing was left are started.
    [[nodiscard]] Estate estate() const;
    void resume(std::vector<ServiceSpec> specs, const Estate& estate);
    // Makes what runs be what `next` says, instances replaced one by one, an old one stopped only when its successor is
    // healthy. One change at a time: `wait` is for the turn; a change that has begun is ended only by stop_all.
    [[nodiscard]] rt::Task<std::vector<Outcome>> apply(std::vector<ServiceSpec> next, rt::Wait wait = {});
    // Replaces every instance of the service, one by one. Errors: not_found, conflict (not started yet, or stopping),
    // those of `wait` (for the turn), and why a successor did not become healthy.
    [[nodiscard]] rt::Task<base::Result<void>> restart(std::string service, rt::Wait wait = {});
    // Callers before callees; drained, SIGTERM, SIGKILL; nothing of it runs when it resumes, shortly after `deadline`
    // at the latest. No change is begun from then on.
    [[nodiscard]] rt::Task<void> stop_all(base::TimePoint deadline);

    // By name. `with_usage` reads /proc for each process.
    [[nodiscard]] std::vector<ServiceStatus> status(bool with_usage = false) const;
    [[nodiscard]] LogStore& logs() { return shop_.logs; }
    // What is meant to run: what apply() compares with.
    [[nodiscard]] std::vector<ServiceSpec> specs() const;
    // For the guard and remember_run.
    [[nodiscard]] std::vector<std::string> cgroup_homes() const { return shop_.cgroups.homes(); }

  private:
    using ServicePtr = std::shared_ptr<Service>;
    using SpecPtr = std::shared_ptr<const ServiceSpec>;
    using Instances = std::vector<std::shared_ptr<Instance>>;

    // Starting (supervisor.cpp).
    void begin_service(ServiceSpec spec);
    [[nodiscard]] rt::Task<void> bring_up(ServicePtr service);
    [[nodiscard]] rt::Task<void> wait_for_callee(ServicePtr service, std::string callee);
    [[nodiscard]] base::TimePoint callee_deadline(const Service& caller, const std::string& callee,
                                                  base::TimePoint began) const;
    void run(const std::shared_ptr<Instance>& instance);
    std::shared_ptr<Instance> launch(Service& service, SpecPtr spec, Trust trust);
    void adopt_order(const std::vector<ServiceSpec>& specs);
    [[nodiscard]] ServicePtr find(std::string_view name) const;

    // Stopping (supervisor.cpp).
    [[nodiscard]] rt::Task<void> stop_service(ServicePtr service, std::vector<ServicePtr> with, std::string reason,
                                              base::TimePoint deadline);
    [[nodiscard]] rt::Task<void> stop_instances(ServicePtr service, Instances instances, std::string reason,
                                                base::TimePoint deadline);

    // Changing (changes.cpp).
    class Turn;
    [[nodiscard]] rt::Task<base::Result<void>> take_turn(rt::Wait wait);
    [[nodiscard]] rt::Task<base::Result<void>> take_step(Step step, SpecPtr next);
    [[nodiscard]] rt::Task<base::Result<void>> wait_added(ServicePtr service);
    [[nodiscard]] rt::Task<base::Result<void>> replace_all(ServicePtr service, SpecPtr next);
    [[nodiscard]] rt::Task<base::Result<void>> replace(ServicePtr service, std::shared_ptr<Instance> old, SpecPtr next);
    [[nodiscard]] rt::Task<base::Result<void>> scale(ServicePtr service, SpecPtr next);
    [[nodiscard]] rt::Task<void> remove(std::vector<ServicePtr> gone);
    void adopt_handling(Service& service, SpecPtr next);

    Workshop shop_;
    std::map<std::string, ServicePtr, std::less<>> services_;
    CallOrder order_;
    rt::Cancel life_;
    rt::Gate gate_;
    bool changing_ = false;
    bool stopping_ = false;
    rt::Signal turn_over_;
};

}  // namespace tl::supervisor
