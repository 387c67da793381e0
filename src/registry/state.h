// The states of an instance and the record of a change. Plain values.
//
//     starting --probe--> healthy <--probe, retry--> unhealthy --probes, callers--
//         any of these --drain--> draining;   any --process ended, removed--> gone
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace tl::registry {

enum class InstanceState : uint8_t {
    starting,   // not yet seen healthy: gets nothing
    healthy,    // gets requests
    draining,   // finishes what it has
    unhealthy,  // gets requests in panic only
    gone,       // no process, or removed: gets nothing, never again
};
[[nodiscard]] std::string_view to_string(InstanceState state);

struct StateChange {
    std::string service;
    std::string instance;
    InstanceState from = InstanceState::starting;  // equal to `to` for a new instance
    InstanceState to = InstanceState::starting;
    std::string reason;  // "GET /healthz answered 503, 3 times in a row"
    base::WallTime at;
};

}  // namespace tl::registry
