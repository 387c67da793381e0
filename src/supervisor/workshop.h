// What all instances of a supervisor share. Owned by Supervisor, which outlives every instance. Control loop only.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/random.h"
#include "rt/cancel.h"
#include "supervisor/call_addresses.h"
#include "supervisor/config.h"
#include "supervisor/instance_book.h"
#include "supervisor/limits.h"
#include "supervisor/logs.h"
#include "supervisor/ports.h"

namespace tl::supervisor {

struct SupervisorOptions {
    std::string run_id;
    PortsConfig ports;
    std::vector<std::string> inherited;  // the environment that services inherit: main's, "NAME=value"
    std::string cgroup_root = "/sys/fs/cgroup";
};

struct Workshop {
    Workshop(SupervisorOptions given, InstanceBook& the_book, CallAddresses& the_addresses)
        : options(std::move(given)),
          book(the_book),
          addresses(the_addresses),
          random(base::Random::from_kernel()),
          ports(options.ports, random),
          cgroups(Cgroups::of_this_process(options.cgroup_root, options.run_id)) {}

    SupervisorOptions options;
    InstanceBook& book;
    CallAddresses& addresses;
    base::Random random;
    PortPool ports;
    Cgroups cgroups;
    LogStore logs;
    std::set<std::string> warned;  // warnings that were given already; cleared when it grows long
};

}  // namespace tl::supervisor
