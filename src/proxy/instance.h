// An instance of a service as one core sees it. Stays until it has left the set and its last request has ended.
#pragma once

#include <string>

#include "base/clock.h"
#include "proxy/latency.h"
#include "proxy/pool.h"
#include "telemetry/names.h"

namespace tl::proxy {

struct Instance {
    Instance(const net::Address& address, telemetry::PoolCell& cell) : pool(address, cell) {}

    std::string id;
    uint64_t serial = 0;  // of its upstream, never used again: two lives of one id or address differ
    telemetry::NameId name = telemetry::kNoName;
    telemetry::NameId version = telemetry::kNoName;
    telemetry::NameId zone = telemetry::kNoName;
    uint32_t weight = 1;
    uint32_t active = 0;              // requests and tunnels of this core
    double share = 1;                 // its weight now: less while it starts slowly
    base::TimePoint joined{};         // the set; slow start counts from here
    base::TimePoint ejected_until{};  // balancers pass it over before that
    Latency latency;
    uint64_t token = 0;    // what a sticky cookie calls it
    bool retired = false;  // no longer in the set
    bool failing = false;  // the last outcome was reported as a failure
    Pool pool;
};

}  // namespace tl::proxy
