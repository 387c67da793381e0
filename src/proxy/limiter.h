// How many requests one core has at a service at once, and the line in which the others wait for their turn: bounded in
// length and in time, the important ones first. A request holds its place until the head of its answer is there, so
// that streams and tunnels, however long, hold none. While its client still sends the body it counts for the declared
// limit only: slow clients say nothing of the service. One core; lives with its upstream.
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
    explicit Limiter(SharedTrialPtr trial = std::make_shared<SharedTrial>()) : adaptive_(std::move(trial)) {}

    enum class Entry : uint8_t { admitted, line_full, waited_too_long, deadline, cancelled };

    // `instances` of the service get requests. At least one request may always go.
    void change_rule(const ConcurrencyRule& rule, size_t instances);

    // The common case: there is a place, and nobody waits for it.
    [[nodiscard]] bool try_enter() {
        if (waiting_ > 0 || full()) [[unlikely]]
            return false;
        ++in_flight_;
        return true;
    }
    // Waits in line. A place is held only when `admitted`.
    [[nodiscard]] rt::Task<Entry> enter(Importance importance, rt::Wait wait);
    // Gives a place back: to the next in line if there is one.
    void leave();
    // One that has a place still gets its body from the client; until then.
    void begin_upload() {
        ++uploading_;
        if (waiting_ > 0) let_in();
    }
    void end_upload() { --uploading_; }
    // The service has answered, well, so long after it had the whole request.
    void count_answer(base::Duration took, base::TimePoint now) {
        if (rule_.adaptive) adaptive_.count(took, in_flight_ - uploading_, now);
    }

    // Its client has left before it answered.
    void count_left(base::Duration waited, base::TimePoint now) {
        if (rule_.adaptive) adaptive_.count_left(waited, in_flight_ - uploading_, now);
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

    [[nodiscard]] bool full() const {
        return in_flight_ >= most_ || (rule_.adaptive && in_flight_ - uploading_ >= adaptive_.limit());
    }
    [[nodiscard]] bool make_room_for(Importance importance);
    void let_in();
    void wake_next();

    ConcurrencyRule rule_;
    uint32_t most_ = ConcurrencyRule{}.requests;
    AdaptiveLimit adaptive_;
    uint32_t in_flight_ = 0;
    uint32_t uploading_ = 0;  // of them
    uint32_t waiting_ = 0;
    uint64_t turned_away_ = 0;
    std::array<rt::List<Place>, kImportances> line_;  // by importance; the first come first
};

}  // namespace tl::proxy
