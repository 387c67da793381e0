// Deadlines of one core: a hierarchical timing wheel (Varghese and Lauck, 1987) of 4 levels with 64 slots, one
// millisecond a tick. Arming and disarming cost a few nanoseconds, so that every wait can afford a deadline. A timer
// fires never early and at most one tick plus one loop turn late. Timers are intrusive: their owner ends them.
#pragma once

#include <array>
#include <cstdint>

#include "base/clock.h"
#include "rt/list.h"

namespace tl::rt {

class Timer : public ListNode<Timer> {
  public:
    virtual void on_timer() = 0;
    [[nodiscard]] bool armed() const { return linked(); }

  protected:
    ~Timer() = default;

  private:
    friend class TimerWheel;
    uint64_t tick_ = 0;
};

class TimerWheel {
  public:
    explicit TimerWheel(base::TimePoint start) : start_(start) {}

    // Arms (or re-arms) `timer` for `deadline`; base::kNever disarms.
    void arm(Timer& timer, base::TimePoint deadline);
    // Fires what is due at `now`, in order of slots. A callback may arm and disarm any timer.
    void advance(base::TimePoint now);
    // How long until advance() may have something to do; Duration::max() when nothing is armed. May be early by the
    // coarseness of a level, never late.
    [[nodiscard]] base::Duration until_next(base::TimePoint now) const;

  private:
    static constexpr int kLevels = 4;
    static constexpr int kBits = 6;
    static constexpr uint64_t kSlots = 1U << kBits;
    static constexpr uint64_t kTick = 1'000'000;  // ns

    void place(Timer& timer);
    void cascade(int level);

    base::TimePoint start_;
    uint64_t now_ = 0;                          // ticks that have been handled
    std::array<uint64_t, kLevels> occupied_{};  // a bit a slot; may be set for a slot emptied by unlink
    std::array<std::array<List<Timer>, kSlots>, kLevels> slots_;
};

}  // namespace tl::rt
