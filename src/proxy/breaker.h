// The circuit breaker of one service on one core: after too many failures nobody is sent there for a moment (open),
// then a few requests try whether it is well (half open), and only when they succeed all are sent again (closed). After
// M. Nygard, Release It!, and Resilience4j's counting of slow calls. Plain rules with a given clock: no timers, no
// waiting. Lives with its upstream; docs/decisions/0011 says why each core has its own.
#pragma once

#include <string>

#include "proxy/sliding_counts.h"
#include "proxy/traffic.h"

namespace tl::proxy {

class Breaker {
  public:
    enum class State : uint8_t { closed, open, half_open };
    enum class Pass : uint8_t { refused, free, probe };

    // Whether a request may go. A `probe` is given back by leave() when the request has ended.
    [[nodiscard]] Pass enter(base::TimePoint now) {
        if (state_ == State::closed) [[likely]]
            return Pass::free;
        return enter_carefully(now);
    }
    void leave(Pass pass) {
        if (pass == Pass::probe) --probing_;
    }

    // How a try ended. `pass` is its request's.
    void count(Pass pass, bool failed, base::Duration took, base::TimePoint now);
    // The service has an instance that was not there before: worth a try at once.
    void give_a_chance();

    void change_rule(const BreakerRule& rule);
    [[nodiscard]] State state() const { return state_; }
    [[nodiscard]] bool closed() const { return state_ == State::closed; }
    // Until the next request may be let through; 0 unless open.
    [[nodiscard]] base::Duration opens_in(base::TimePoint now) const;
    // Why it is not closed, as one clause: "10 failures in a row"; "" when closed.
    [[nodiscard]] std::string reason() const;
    [[nodiscard]] uint64_t times_opened() const { return times_opened_; }

  private:
    enum class Why : uint8_t { in_a_row, failures, slow, probe };

    [[nodiscard]] Pass enter_carefully(base::TimePoint now);
    void count_closed(bool failed, bool slow, base::TimePoint now);
    void open(Why why, base::TimePoint now);
    void close();

    BreakerRule rule_;
    State state_ = State::closed;
    uint32_t in_a_row_ = 0;  // failures; half open: successes
    uint32_t probing_ = 0;
    SlidingCounts<3> counts_{BreakerRule{}.window};  // calls, failures, slow ones
    base::TimePoint until_;                          // open: nobody goes before
    base::Duration open_for_{};                      // this time
    base::TimePoint closed_at_;
    Why why_ = Why::in_a_row;
    uint64_t why_count_ = 0;
    uint64_t why_of_ = 0;
    uint64_t times_opened_ = 0;
};

[[nodiscard]] std::string_view to_string(Breaker::State state);

}  // namespace tl::proxy
