// The local doors of a workload: one for each service that it may call (ORDERS_URL), and one that takes any by its name
// (HTTP_PROXY, http://orders/). A callee that speaks TCP has a door of TCP instead. All are ordinary doors of the
// engine; what is not allowed is a route that refuses and names the line to add.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "proxy/door.h"
#include "proxy/shaping_config.h"
#include "telemetry/metrics.h"
#include "telemetry/names.h"

namespace tl::mesh {

struct Workload {
    std::string name;
    std::vector<std::string> calls;
    std::string zone;   // where it runs; "": nobody said
    std::string place;  // "trunkline.yaml:12": where its `calls` stand, or would
};

struct MeshContext {
    telemetry::NameTable* names = nullptr;
    telemetry::SeriesTable* series = nullptr;
    bool development = false;
    std::vector<std::string> services;  // all of the system
    std::function<proxy::TrafficRule(const std::string& service)> traffic;
    std::function<const proxy::ShapingConfig&(const std::string& service)> shaping;
    std::vector<std::string> tcp;  // those of `services` that speak TCP
};

// Everything that comes by this door goes to `callee`.
[[nodiscard]] proxy::DoorPtr make_callee_door(const Workload& caller, const std::string& callee,
                                              const MeshContext& context);
// Its connections go to `callee`, which speaks TCP. Where the caller may not call it they are refused, and the log says
// what to write.
[[nodiscard]] proxy::DoorPtr make_tcp_door(const Workload& caller, const std::string& callee,
                                           const MeshContext& context);
// The host name says where a request goes.
[[nodiscard]] proxy::DoorPtr make_proxy_door(const Workload& caller, const MeshContext& context);

}  // namespace tl::mesh
