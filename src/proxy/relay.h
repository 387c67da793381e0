// Bytes both ways between two streams, each direction at the pace of its receiver and with one buffer, until both have
// finished. What one end does the other sees: a half-close as a half-close, behind every byte that came before it; a
// reset as a reset. Whatever breaks off here (silence, a cancel) is passed on as a reset too, for an orderly end would
// make what was cut off look whole. The tunnels of HTTP and the connections of TCP are this one relay. One core.
#pragma once

#include <cstdint>
#include <string_view>

#include "net/stream.h"
#include "rt/cancel.h"
#include "rt/task.h"

namespace tl::proxy {

struct RelayEnds {
    net::Stream& client;
    net::Stream& service;
    // What was read from them already; must stay until the relay has ended.
    std::string_view client_early{};
    std::string_view service_early{};
};

struct RelayLimits {
    base::Duration idle;           // silence of both directions, or of a receiver that takes nothing
    rt::Cancel* cancel = nullptr;  // ends it at once; must outlive the relay
};

// Bytes that the other side's kernel has been given; brought up to date on the way.
struct RelayCounts {
    uint64_t& from_client;
    uint64_t& from_service;
};

enum class RelayEnd : uint8_t {
    client_finished,   // both have finished, the client first
    service_finished,  // the same, the service first
    client_reset,
    service_reset,
    idle,
    cancelled,
};

// Both streams are there when it returns. Closing them is all that is left: one that has to be reset is prepared for
// it.
[[nodiscard]] rt::Task<RelayEnd> relay(RelayEnds ends, RelayLimits limits, RelayCounts counts);

}  // namespace tl::proxy
