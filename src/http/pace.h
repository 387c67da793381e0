// How long to wait for a peer that sends or takes a body slowly. Its time is used up only by waiting for it, and it
// gets all of it anew when it has moved enough since: so neither the other side's slowness counts against it, nor can
// it hold a connection, and a place at a service, for ever by a byte now and then. Plain rules with a given clock.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/clock.h"

namespace tl::http {

struct Patience {
    base::Duration idle;  // so long without enough
    uint64_t rate = 0;    // bytes a second, over `idle`; 0: any byte is enough
};

class Pace {
  public:
    // When the wait that begins now must end. `moved`: bytes so far, in all.
    [[nodiscard]] base::TimePoint until(const Patience& rule, uint64_t moved, base::TimePoint now) {
        if (!begun_ || moved - mark_ >= enough(rule)) {
            begun_ = true;
            mark_ = moved;
            left_ = rule.idle;
        }
        since_ = now;
        return base::deadline_after(now, left_);
    }
    // That wait has ended.
    void waited(base::TimePoint now) { left_ -= std::min(left_, now - since_); }

  private:
    [[nodiscard]] static uint64_t enough(const Patience& rule) {
        const auto whole = static_cast<uint64_t>(std::chrono::duration<double>(rule.idle).count() * double(rule.rate));
        return std::max<uint64_t>(whole, 1);
    }

    bool begun_ = false;
    uint64_t mark_ = 0;  // moved when its time was given
    base::Duration left_{};
    base::TimePoint since_;
};

}  // namespace tl::http
