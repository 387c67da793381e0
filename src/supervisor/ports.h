// Ports for instances: free now, from a range outside of the kernel's ephemeral ports, and none that was given out in
// the last minute, so that a late packet or a stale address does not meet another service. Control loop only.
#pragma once

#include <cstdint>
#include <deque>
#include <set>
#include <utility>

#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"
#include "supervisor/config.h"

namespace tl::supervisor {

class PortPool {
  public:
    // Begins somewhere in the range, by `random`, so that two Trunklines on a machine rarely collide.
    PortPool(PortsConfig range, base::Random& random);

    // Tried by binding to 127.0.0.1. The error is Code::unavailable when the whole range is taken.
    [[nodiscard]] base::Result<uint16_t> take(base::TimePoint now);

  private:
    [[nodiscard]] bool recently_given(uint16_t port) const { return recent_ports_.contains(port); }
    void forget_before(base::TimePoint then);

    PortsConfig range_;
    uint32_t next_;
    std::deque<std::pair<base::TimePoint, uint16_t>> recent_;
    std::set<uint16_t> recent_ports_;
};

}  // namespace tl::supervisor
