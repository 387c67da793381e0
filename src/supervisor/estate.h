// What the supervisor of one program leaves to that of the next in the same process (`trunkline upgrade`): the services
// with their live processes, whose parent stays the same. Plain values; app/ writes and reads them.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "supervisor/limits.h"
#include "supervisor/logs.h"
#include "supervisor/status.h"

namespace tl::supervisor {

struct StreamEstate {
    int fd = -1;          // of the pipe; -1: it has ended
    std::string partial;  // a line that is not whole yet
};

struct InstanceEstate {
    std::string id;
    std::string version;
    InstanceState state = InstanceState::starting;
    base::WallTime since;
    bool was_ready = false;
    uint32_t restarts = 0;
    uint32_t starts = 0;
    uint32_t failures = 0;  // in a row
    std::string last_exit;
    std::string limits;
    base::Duration next_start{0};  // until the next start, while it waits for it
    // Of its process; pid 0: there is none.
    pid_t pid = 0;
    uint16_t port = 0;
    base::Duration age{0};
    std::vector<std::string> cgroups;
    StreamEstate out;
    StreamEstate err;
};

struct ServiceEstate {
    std::string name;
    std::string fingerprint;  // of the files that its instances were started with
    uint32_t next_ordinal = 1;
    bool started = false;
    bool mixed = false;
    std::string last_change;
    std::vector<InstanceEstate> instances;
};

struct Estate {
    std::vector<ServiceEstate> services;
    std::vector<LogLinePtr> lines;
};

}  // namespace tl::supervisor
