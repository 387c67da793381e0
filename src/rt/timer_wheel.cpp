#include "rt/timer_wheel.h"

#include <algorithm>
#include <bit>

namespace tl::rt {

void TimerWheel::arm(Timer& timer, base::TimePoint deadline) {
    timer.unlink();
    if (deadline == base::kNever) return;
    const int64_t since = (deadline - start_).count();
    const uint64_t tick = since <= 0 ? 0 : (static_cast<uint64_t>(since) + kTick - 1) / kTick;
    timer.tick_ = std::max(tick, now_ + 1);
    place(timer);
}

void TimerWheel::place(Timer& timer) {
    // The level is that of the highest digit (base 64) in which the tick differs from now.
    const uint64_t differs = timer.tick_ ^ now_;
    int level = differs == 0 ? 0 : (63 - std::countl_zero(differs)) / kBits;
    uint64_t unit = 0;
    if (level >= kLevels) {  // the top level wraps; beyond its 4.6 hours, park in its last slot and look again then
        level = kLevels - 1;
        unit = std::min(timer.tick_ >> (kBits * level), (now_ >> (kBits * level)) + kSlots - 1);
    } else {
        unit = timer.tick_ >> (kBits * level);
    }
    const uint64_t slot = unit % kSlots;
    const auto l = static_cast<size_t>(level);
    slots_[l][slot].push_back(timer);
    occupied_[l] |= 1ULL << slot;
}

void TimerWheel::cascade(int level) {
    const auto l = static_cast<size_t>(level);
    const uint64_t slot = (now_ >> (kBits * level)) % kSlots;
    if (slot == 0 && level + 1 < kLevels) cascade(level + 1);
    occupied_[l] &= ~(1ULL << slot);
    List<Timer> moving;
    moving.splice_back(slots_[l][slot]);
    while (Timer* timer = moving.pop_front()) {
        timer->tick_ = std::max(timer->tick_, now_);
        place(*timer);
    }
}

void TimerWheel::advance(base::TimePoint now) {
    const int64_t since = (now - start_).count();
    const uint64_t target = since <= 0 ? 0 : static_cast<uint64_t>(since) / kTick;
    while (now_ < target) {
        // Jump over empty slots of the lowest level, but never over a cascade.
        const uint64_t position = now_ % kSlots;
        const uint64_t ahead = position == kSlots - 1 ? 0 : occupied_[0] >> (position + 1);
        const uint64_t step = ahead != 0 ? static_cast<uint64_t>(std::countr_zero(ahead)) + 1 : kSlots - position;
        now_ = std::min(now_ + step, target);
        const uint64_t slot = now_ % kSlots;
        if (slot == 0) cascade(1);
        if ((occupied_[0] & (1ULL << slot)) == 0) continue;
        occupied_[0] &= ~(1ULL << slot);
        List<Timer> due;
        due.splice_back(slots_[0][slot]);
        while (Timer* timer = due.pop_front()) timer->on_timer();
    }
}

base::Duration TimerWheel::until_next(base::TimePoint now) const {
    uint64_t next = UINT64_MAX;
    for (int level = 0; level < kLevels; ++level) {
        const auto l = static_cast<size_t>(level);
        if (occupied_[l] == 0) continue;
        const uint64_t unit = now_ >> (kBits * level);
        // Distance, in slots of this level, to the next occupied one after the present.
        const uint64_t turned = std::rotr(occupied_[l], static_cast<int>((unit + 1) % kSlots));
        const uint64_t distance = static_cast<uint64_t>(std::countr_zero(turned)) + 1;
        next = std::min(next, (unit + distance) << (kBits * level));
    }
    if (next == UINT64_MAX) return base::Duration::max();
    const base::TimePoint due = start_ + base::Duration{static_cast<int64_t>(next * kTick)};
    return std::max(base::Duration{0}, due - now);
}

}  // namespace tl::rt
