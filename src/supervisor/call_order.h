// The order that calls impose: who waits for whom when starting and stopping. Services that call each other in a cycle
// form one group and do not wait for each other. Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "supervisor/config.h"

namespace tl::supervisor {

struct CallOrder {
    // Services of one cycle share a number; callees have lower numbers than their callers.
    std::map<std::string, size_t, std::less<>> group;
    // The longest chain of calls that begins there, in groups; 1 for a service that calls none of ours.
    std::map<std::string, size_t, std::less<>> height;
    struct Cycle {
        std::vector<std::string> services;  // as listed in the manifest
        std::string warning;                // "orders and payments call each other; ..."
    };
    std::vector<Cycle> cycles;

    [[nodiscard]] bool same_cycle(const std::string& a, const std::string& b) const;
};

// Calls to services that are not among `specs` impose nothing here.
[[nodiscard]] CallOrder make_call_order(const std::vector<ServiceSpec>& specs);

}  // namespace tl::supervisor
