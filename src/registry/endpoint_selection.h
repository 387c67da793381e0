// Which instances of a service may get requests: the rule of the panic threshold. Pure.
#pragma once

#include <string_view>
#include <vector>

#include "proxy/endpoints.h"
#include "registry/state.h"

namespace tl::registry {

struct Candidate {
    proxy::Endpoint endpoint;
    InstanceState state = InstanceState::starting;
};

struct Selection {
    std::vector<proxy::Endpoint> endpoints;  // in the candidates' order
    std::vector<proxy::Endpoint> unwell;     // unhealthy ones that are not used
    std::string reason;                      // of panic or emptiness; "" otherwise
    bool panic = false;
};

// The healthy ones; when their share of healthy and unhealthy is below `panic_threshold`, the unhealthy ones too: that
// many cannot be ill, so the probes are. Starting, draining and gone ones never.
[[nodiscard]] Selection select_endpoints(std::string_view service, std::vector<Candidate> candidates,
                                         double panic_threshold);

}  // namespace tl::registry
