// An instance of a service as one core sees it. Stays until it has left the set and its last request has ended.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "base/clock.h"
#include "proxy/latency.h"
#include "proxy/outlier.h"
#include "proxy/pool.h"
#include "proxy/traffic.h"
#include "rt/cancel.h"
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
    OutlierRecord outlier;
    Latency latency;
    uint64_t token = 0;    // what a sticky cookie calls it
    bool retired = false;  // no longer in the set
    bool failing = false;  // the last outcome was reported as a failure
    Pool pool;

    // Connections of TCP end with it: it has left the set, and the grace for them is over.
    base::TimePoint leaves_at = base::kNever;
    std::optional<rt::Cancel> over{std::in_place};

    // What counts against the limit of an instance: the connections of TCP, or requests without an answer yet.
    [[nodiscard]] uint32_t taken(Protocol protocol) const {
        return protocol == Protocol::tcp ? active : outlier.waiting();
    }
};

}  // namespace tl::proxy
