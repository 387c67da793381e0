// Counts of the last stretch of time, in ten slots that are forgotten one after the other. Costs one comparison and two
// additions a count. One core.
#pragma once

#include <array>
#include <cstdint>

#include "base/clock.h"

namespace tl::proxy {

template <size_t Counters>
class SlidingCounts {
  public:
    static constexpr int64_t kSlots = 10;

    explicit SlidingCounts(base::Duration window) : slot_(window / kSlots) {}

    // Forgets what is too old. Before each add() or sum() of a moment.
    void advance(base::TimePoint now) {
        if (now < ends_) [[likely]]
            return;
        const int64_t passed = ends_ == base::TimePoint{} ? kSlots : (now - ends_) / slot_ + 1;
        for (int64_t i = 0; i < passed && i < kSlots; ++i) {
            at_ = (at_ + 1) % static_cast<size_t>(kSlots);
            for (size_t c = 0; c < Counters; ++c) sums_[c] -= slots_[at_][c];
            slots_[at_] = {};
        }
        ends_ = passed >= kSlots ? now + slot_ : ends_ + passed * slot_;
    }
    void add(size_t counter, uint32_t count = 1) {
        slots_[at_][counter] += count;
        sums_[counter] += count;
    }
    [[nodiscard]] uint64_t sum(size_t counter) const { return sums_[counter]; }
    void clear() {
        slots_ = {};
        sums_ = {};
    }
    void change_window(base::Duration window) {
        if (window / kSlots == slot_) return;
        slot_ = window / kSlots;
        clear();
    }

  private:
    base::Duration slot_;
    base::TimePoint ends_;  // of the slot that is being filled
    size_t at_ = 0;
    std::array<std::array<uint32_t, Counters>, kSlots> slots_{};
    std::array<uint64_t, Counters> sums_{};
};

}  // namespace tl::proxy
