// What `trunkline services` and `status` show of the registry: a copy made on the control loop, free to go anywhere.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "net/address.h"
#include "registry/config.h"
#include "registry/state.h"

namespace tl::registry {

// How long a set of endpoints takes from its publication until every balancer uses it.
struct Propagation {
    uint64_t published = 0;
    uint64_t acknowledged = 0;  // revisions that were overtaken by a newer one count with it
    base::Duration last{0};
    base::Duration longest{0};
};

struct InstanceView {
    std::string id;
    net::Address address;
    std::string version;
    std::string zone;
    uint32_t weight = 1;
    std::string host;  // that its certificate must name; "": the service does not speak TLS
    InstanceState state = InstanceState::starting;
    std::string reason;  // of the last change of state
    base::WallTime since;
    std::string last_probe;  // "GET /healthz answered 200"; "" before the first, and without probes
    uint64_t probes = 0;
    uint64_t failed_probes = 0;
};

struct ServiceView {
    std::string name;
    ServiceHealthConfig config;
    std::vector<InstanceView> instances;  // in the order in which they came
    std::vector<StateChange> history;     // the last kHistory changes, oldest first
    size_t healthy = 0;
    bool panic = false;
    std::string reason;  // why it is in panic, or why no instance can be used; "" otherwise
    uint64_t revision = 0;
    uint64_t acknowledged = 0;  // the newest revision that every balancer uses
    Propagation propagation;
};

struct RegistrySnapshot {
    std::vector<ServiceView> services;  // by name
    Propagation propagation;            // of all services, also of those that were removed
};

}  // namespace tl::registry
