#include "registry/state.h"

namespace tl::registry {

std::string_view to_string(InstanceState state) {
    switch (state) {
        case InstanceState::starting: return "starting";
        case InstanceState::healthy: return "healthy";
        case InstanceState::draining: return "draining";
        case InstanceState::unhealthy: return "unhealthy";
        case InstanceState::gone: return "gone";
    }
    return "";
}

}  // namespace tl::registry
