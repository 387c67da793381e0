// The public door as the data path wants it, from its configuration.
#pragma once

#include <functional>

#include "gateway/config.h"
#include "proxy/door.h"
#include "telemetry/metrics.h"
#include "telemetry/names.h"

namespace tl::gateway {

struct DoorContext {
    telemetry::NameTable* names = nullptr;
    telemetry::SeriesTable* series = nullptr;
    bool development = false;
    // The rule that stands beside a service.
    std::function<proxy::TrafficRule(const std::string& service)> traffic;
    std::function<const proxy::ShapingConfig&(const std::string& service)> shaping;
    std::string zone;  // where the gateway runs
};

// `config` has passed its checks. Control core; the result goes to all cores.
[[nodiscard]] proxy::DoorPtr make_door(const GatewayConfig& config, const DoorContext& context);
// The door of a port of TCP.
[[nodiscard]] proxy::DoorPtr make_tcp_door(const TcpListenConfig& config, const DoorContext& context);

}  // namespace tl::gateway
