// What `trunkline status` shows of the services that we run. Plain values, made on demand on the control loop.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace tl::supervisor {

enum class InstanceState : uint8_t { starting, running, stopping, backoff, crash_loop };
[[nodiscard]] std::string_view to_string(InstanceState state);

struct Usage {
    uint64_t memory = 0;  // resident bytes of the process and its children
    base::Duration cpu{0};
};

struct InstanceStatus {
    std::string id;
    std::string version;
    InstanceState state = InstanceState::starting;
    base::WallTime since;  // of the state
    int pid = 0;           // 0: no process now
    uint16_t port = 0;
    uint32_t restarts = 0;
    std::string last_exit;                // "exited with 1"; "" if it has not ended yet
    base::Duration next_start{0};         // in backoff and crash loop: until the next attempt
    std::string limits;                   // "", "applied", or "not applied: why"
    std::vector<std::string> last_lines;  // in backoff and crash loop: what it said last
    std::optional<Usage> usage;
};

struct ServiceStatus {
    std::string name;
    std::string version;
    uint32_t wanted = 0;                   // replicas
    std::vector<std::string> waiting_for;  // not started yet: the services that it waits for
    std::string last_change;               // why the last change of it failed, or ""
    std::vector<InstanceStatus> instances;
};

// Reads /proc; at most 256 processes below `pid` are counted.
[[nodiscard]] std::optional<Usage> usage_of(int pid);

}  // namespace tl::supervisor
