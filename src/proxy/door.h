// A place where requests come in, with its rules: the public gateway, or one of the local doors of a workload. A
// sidecar is the same engine behind another door. Immutable, shared by cores; a request keeps the door it began with.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "proxy/route_table.h"
#include "proxy/tcp_route.h"
#include "telemetry/record.h"

namespace tl::proxy {

struct Door {
    telemetry::Door kind = telemetry::Door::gateway;
    std::string name;                               // "gateway", "orders calls users"
    telemetry::NameId caller = telemetry::kNoName;  // the workload behind this door
    telemetry::NameId zone = telemetry::kNoName;    // where the workload runs, or the gateway
    RouteTable routes;
    std::optional<TcpRoute> tcp;  // set: connections come in here, no requests
    bool development = false;     // answers of our own explain themselves
    bool show_trace = false;      // X-Trace-Id on every answer
    // What callers say of deadlines and tries is believed: they are workloads of ours, or a proxy of our own.
    bool trusts_callers = false;
    uint16_t https_port = 0;  // not 0: clients without TLS are sent there instead of being served
};
using DoorPtr = std::shared_ptr<const Door>;

}  // namespace tl::proxy
