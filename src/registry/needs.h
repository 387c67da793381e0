// What the registry needs of other rooms, as interfaces that app/ implements: commands are run by the supervisor,
// requests in flight are counted by the data path, changes are shown by whoever wants to. All calls are made on the
// control loop; the implementations outlive the registry.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "registry/state.h"
#include "rt/task.h"
#include "rt/waiter.h"

namespace tl::registry {

class CommandRunner {
  public:
    virtual ~CommandRunner() = default;
    // Runs `command` as the service's own commands are run, with `env` added (SERVICE, INSTANCE, HOST, PORT), and
    // returns its exit code. When the wait ends first the command is killed.
    [[nodiscard]] virtual rt::Task<base::Result<int>> run(std::string command,
                                                          std::vector<std::pair<std::string, std::string>> env,
                                                          rt::Wait wait) = 0;
};

class InFlightSource {
  public:
    virtual ~InFlightSource() = default;
    // Requests (and upgraded connections) that all cores have open to the instance now.
    [[nodiscard]] virtual rt::Task<base::Result<uint64_t>> in_flight(std::string service, std::string instance,
                                                                     rt::Wait wait) = 0;
};

class ChangeObserver {
  public:
    virtual ~ChangeObserver() = default;
    // After each change of state, inside the call that made it: must not call the registry back.
    virtual void on_change(const StateChange& change) = 0;
};

}  // namespace tl::registry
