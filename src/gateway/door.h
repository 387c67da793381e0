// The public door as the data path wants it, from its configuration.
#pragma once

#include <functional>

#include "gateway/config.h"
#include "gateway/policies/context.h"
#include "gateway/portal/listing.h"
#include "proxy/door.h"
#include "telemetry/metrics.h"
#include "telemetry/names.h"

namespace tl::gateway {

// The levels between the gateway and a route: those of a service's context and of the service.
using ServicePolicies = std::function<std::vector<PolicyLevel>(const std::string& service)>;

struct DoorContext {
    telemetry::NameTable* names = nullptr;
    telemetry::SeriesTable* series = nullptr;
    bool development = false;
    // The rule that stands beside a service.
    std::function<proxy::TrafficRule(const std::string& service)> traffic;
    std::function<const proxy::ShapingConfig&(const std::string& service)> shaping;
    std::string zone;  // where the gateway runs
    ServicePolicies policies;
    PolicyHome* home = nullptr;
    std::string system;  // its name: what the portal is called unless it says otherwise
    std::function<ServicePlace(const std::string& service)> place;
};

// All levels whose policies may hold for `route`, from the outside in; they point into what was given.
[[nodiscard]] std::vector<PolicyLevel> policy_levels(const GatewayConfig& config, const RouteConfig& route,
                                                     const ServicePolicies& policies);

// `config` has passed its checks. Control core; the result goes to all cores.
[[nodiscard]] proxy::DoorPtr make_door(const GatewayConfig& config, const DoorContext& context);
// The door of a port of TCP.
[[nodiscard]] proxy::DoorPtr make_tcp_door(const TcpListenConfig& config, const DoorContext& context);

}  // namespace tl::gateway
