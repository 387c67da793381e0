// The registry's own records of services and instances. Shared with the coroutines that work for them, so that one that
// wakes late finds a record that says `gone` instead of nothing. For the files of this room only.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "registry/health.h"
#include "registry/registry.h"

namespace tl::registry {

struct Service;

struct Instance {
    InstanceSpec spec;
    std::shared_ptr<Service> service;
    InstanceState state = InstanceState::starting;
    std::string reason;
    base::WallTime since;
    uint64_t changes = 0;  // of state: a probe that began before the last one is stale
    ProbeCounter probes;
    PassiveCounter outcomes;
    std::string last_probe;
    uint64_t probe_count = 0;
    uint64_t failed_probes = 0;
    std::shared_ptr<rt::Cancel> life;  // of its probes: ended by drain, removal and new rules

    [[nodiscard]] ProbeKind kind() const;
};

struct Service {
    ServiceSpec spec;
    std::vector<std::shared_ptr<Instance>> instances;
    std::deque<StateChange> history;
    bool panic = false;
    std::string reason;
    bool removed = false;
    rt::Signal changed;  // any state of any instance, or `removed`
};

}  // namespace tl::registry
