// What the supervisor needs to be told and to tell about instances. app/ joins it with registry/, so that the two rooms
// do not know each other. All calls come from the control loop. Waits end early by their Wait; the book outlives the
// supervisor.
#pragma once

#include <string>

#include "base/error.h"
#include "net/address.h"
#include "rt/task.h"
#include "rt/waiter.h"

namespace tl::supervisor {

struct StartedInstance {
    std::string service;
    std::string id;
    net::Address address;
    std::string version;
};

class InstanceBook {
  public:
    virtual ~InstanceBook() = default;

    // A process for it runs now and will listen on `address`. The same id comes again, with another address, when an
    // instance that crashed is restarted; instance_gone was called in between.
    virtual void instance_starting(const StartedInstance& instance) = 0;
    // It will get no answer any more: it has ended. Idempotent; unknown ids are ignored. Ends waits for the id.
    virtual void instance_gone(const std::string& id, const std::string& reason) = 0;

    // Resumes when the instance may get traffic.
    [[nodiscard]] virtual rt::Task<base::Result<void>> wait_healthy(std::string id, rt::Wait wait) = 0;
    // What its last probe said, for explaining a wait that was in vain; "" if nothing is known.
    [[nodiscard]] virtual std::string last_probe(const std::string& /*id*/) const { return ""; }
    // Resumes when at least one instance of the service may get traffic; also for services given by address.
    [[nodiscard]] virtual rt::Task<base::Result<void>> wait_service_healthy(std::string service, rt::Wait wait) = 0;
    // No new request goes to it from now on. Resumes when every balancer has acknowledged that and none is in flight,
    // when the instance is gone, or at the deadline; at once for an unknown id.
    [[nodiscard]] virtual rt::Task<void> drain(std::string id, std::string reason, base::TimePoint deadline) = 0;
};

}  // namespace tl::supervisor
