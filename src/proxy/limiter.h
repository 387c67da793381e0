// How many requests one core has at a service at once, and the line in which the others wait for their turn: bounded in
// length and in time, the important ones first. A request holds its place until the head of its answer is there, so
// that streams and tunnels, however long, hold none. One core; lives with its upstream.
#pragma once

#include <array>

#include "proxy/adaptive_limit.h"
#include "proxy/traffic.h"
#include "rt/list.h"
#include "rt/task.h"
#include "rt/waiter.h"

namespace tl::proxy {

class Limiter {
  public:
    enum class Entry : uint8_t { admitted, line_full, waited_too_long, deadline, cancelled };

    // `instances` of the service get requests. At least one request may always go.
    void change_rule(const ConcurrencyRule& rule, size_t instances);

    // The common case: there is a place, and nobody waits for it.
    [[nodiscard]] bool try_enter() {
        if (in_flight_ >= limit() || waiting_ > 0) [[unlikely]]
            return false;
        ++in_flight_;
        return true;
    }
    // Waits in line. A place is held only when `admitted`.
    [[nodiscard]] rt::Task<Entry> enter(Importance importance, rt::Wait wait);
    // Gives a place back: to the next in line if there is one.
    void leave();
    // The service has answered, well, after so long.
    void count_answer(base::Duration took, base::TimePoint now) {
        if (rule_.adaptive) adaptive_.count(took, in_flight_, now);
    }

    [[nodiscard]] uint32_t limit() const { return rule_.adaptive ? adaptive_.limit() : most_; }
    [[nodiscard]] uint32_t in_flight() const { return in_flight_; }
    [[nodiscard]] uint32_t waiting() const { return waiting_; }
    [[nodiscard]] uint64_t turned_away() const { return turned_away_; }
    [[nodiscard]] uint32_t most_of_an_instance() const { return rule_.instance; }

  private:
    // One that waits; in its frame.
    class Place : public rt::WaitAwaiter, public rt::ListNode<Place> {
      public:
        using WaitAwaiter::WaitAwaiter;
        bool displaced = false;
    };

    [[nodiscard]] bool make_room_for(Importance importance);
    void wake_next();

    ConcurrencyRule rule_;
    uint32_t most_ = ConcurrencyRule{}.requests;
    AdaptiveLimit adaptive_;
    uint32_t in_flight_ = 0;
    uint32_t waiting_ = 0;
    uint64_t turned_away_ = 0;
    std::array<rt::List<Place>, kImportances> line_;  // by importance; the first come first
};

}  // namespace tl::proxy
