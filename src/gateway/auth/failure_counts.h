// How often client addresses were wrong in the last minute, on one core: what bounds guessing. At most kMost addresses,
// of IPv6 the /64; beyond it the one that began longest ago is forgotten.
#pragma once

#include <list>
#include <string>
#include <unordered_map>

#include "base/clock.h"
#include "net/address.h"

namespace tl::gateway {

class FailureCounts {
  public:
    static constexpr size_t kMost = 4096;
    static constexpr unsigned kMostFailures = 10;
    static constexpr base::Duration kWindow = std::chrono::minutes{1};

    // Zero: go on. Else how long to wait.
    [[nodiscard]] base::Duration blocked_for(const net::Address& client, base::TimePoint now);
    void count(const net::Address& client, base::TimePoint now);

  private:
    struct Entry {
        std::string name;
        base::TimePoint began;
        unsigned failures = 0;
    };
    using Entries = std::list<Entry>;

    void forget_old(base::TimePoint now);

    Entries entries_;  // in the order of `began`
    std::unordered_map<std::string, Entries::iterator> places_;
};

}  // namespace tl::gateway
