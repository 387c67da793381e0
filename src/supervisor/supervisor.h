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
#include "supervisor/call_addresses.h"
#include "supervisor/config.h"
#include "supervisor/instance_book.h"
#include "supervisor/logs.h"
#include "supervisor/plan.h"
#include "supervisor/status.h"

namespace tl::supervisor {

struct SupervisorOptions {
    std::string run_id;
    PortsConfig ports;
    std::vector<std::string> inherited;     // the environment that services inherit: main's, "NAME=value"
    std::string cgroup_root = "/sys/fs/cgroup";
};

// How one step of a change went.
struct Outcome {
    Step step;
    std::optional<base::Error> error;  // set: not done, or in part; what ran before still runs
};

class Service;
struct Workshop;

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
    // Makes what runs be what `next` says: one change at a time, instances replaced one by one, the old one stopped only
    // when its successor is healthy. Calls queue up. Ended early by the wait, it stops between two instances.
    [[nodiscard]] rt::Task<std::vector<Outcome>> apply(std::vector<ServiceSpec> next, rt::Wait wait = {});
    // Replaces every instance of the service, one by one. Errors: not_found, conflict (stopping), and why a successor did
    // not become healthy.
    [[nodiscard]] rt::Task<base::Result<void>> restart(std::string service, rt::Wait wait = {});
    // Callers before callees; drained, SIGTERM, SIGKILL; all is gone when it resumes, shortly after `deadline` at the
    // latest. No other change is begun from then on.
    [[nodiscard]] rt::Task<void> stop_all(base::TimePoint deadline);

    // `with_usage` reads /proc for each process.
    [[nodiscard]] std::vector<ServiceStatus> status(bool with_usage = false) const;
    [[nodiscard]] LogStore& logs();
    // What is meant to run: what apply() compares with.
    [[nodiscard]] std::vector<ServiceSpec> specs() const;

  private:
    class Turn;

    [[nodiscard]] rt::Task<void> bring_up(std::string name);
    [[nodiscard]] rt::Task<void> wait_for_callees(Service& service);
    [[nodiscard]] rt::Task<void> wait_for_callee(Service& service, std::string callee);
    [[nodiscard]] rt::Task<base::Result<void>> take(Step step, const ServiceSpec* next, rt::Wait wait);
    [[nodiscard]] rt::Task<base::Result<void>> add(const ServiceSpec& spec, rt::Wait wait);
    [[nodiscard]] rt::Task<base::Result<void>> remove(std::string name);
    [[nodiscard]] rt::Task<void> stop_service(std::string name, base::TimePoint deadline);
    void order(const std::vector<ServiceSpec>& specs);
    [[nodiscard]] Service* find(std::string_view name) const;

    std::unique_ptr<Workshop> shop_;
    std::map<std::string, std::unique_ptr<Service>, std::less<>> services_;
    std::map<std::string, size_t, std::less<>> group_of_;  // services of one cycle of calls share a number
    rt::Cancel life_;
    rt::Gate gate_;
    bool changing_ = false;
    bool stopping_ = false;
    rt::Signal turn_over_;
};

}  // namespace tl::supervisor
