// How a service is protected at the moment, on one core: a copy for whoever shows or counts it.
#pragma once

#include <string>
#include <vector>

#include "proxy/breaker.h"

namespace tl::proxy {

class Upstream;

struct ProtectionView {
    struct Ejected {
        std::string instance;
        std::string reason;
        base::Duration left{};
    };
    std::string service;
    Breaker::State breaker = Breaker::State::closed;
    std::string reason;  // why the breaker is not closed
    uint64_t times_opened = 0;
    std::vector<Ejected> ejected;
    uint64_t ejections = 0;
    uint32_t limit = 0;  // of requests that wait for an answer
    uint32_t in_flight = 0;
    uint32_t waiting = 0;  // for their turn
    uint64_t turned_away = 0;
    uint64_t retries_refused = 0;  // for want of budget
};

[[nodiscard]] ProtectionView view_of(Upstream& upstream, base::TimePoint now);

}  // namespace tl::proxy
