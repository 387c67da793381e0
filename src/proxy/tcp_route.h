// Where the connections of a door go that speaks TCP: to one service, by its rules. Part of the door: made when a
// manifest is loaded (by gateway/ for public ports, by mesh/ for the doors of workloads), immutable, shared by cores.
#pragma once

#include <optional>
#include <string>

#include "proxy/route.h"

namespace tl::proxy {

struct TcpRoute {
    std::string name;  // as users see it: "tcp 127.0.0.1:5432", "orders to db"
    std::string service;
    std::optional<Denial> denial;  // this door exists in order to refuse, and to say what to write
    ShapingPtr shaping;            // versions; nullptr: any
    uint32_t id = 0;               // name ids of telemetry
    uint32_t service_id = 0;
    uint32_t series = 0;
};

}  // namespace tl::proxy
