// The rules by which a limit says yes or no, as arithmetic on one 64-bit state a key (key_table.h). Time comes in from
// outside, in nanoseconds of a clock that may jump; a jump back holds nobody up for longer than a burst takes, and a
// second.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

namespace tl::gateway {

// What a step has found. Times in nanoseconds from now.
struct RateAnswer {
    bool allowed = false;
    uint64_t left = 0;   // requests that would be allowed at once behind this one
    uint64_t reset = 0;  // until all of the burst is there again
    uint64_t retry = 0;  // refused: until one would be allowed
};

// GCRA (ITU-T I.371, annex A, as virtual scheduling): the state is the time at which the next request would come if all
// came evenly. `burst` requests at once, then one an interval.
class Gcra {
  public:
    // `interval` is rounded up by whoever makes it, so that never more than the rate is let through.
    Gcra(uint64_t interval, uint64_t burst, uint64_t now) : interval_(interval), room_(interval * burst), now_(now) {}

    [[nodiscard]] bool idle(uint64_t state) const { return state <= now_; }
    [[nodiscard]] std::optional<uint64_t> step(uint64_t state) {
        if (state > now_ + room_ + kSkew) {
            // No request has done this: the clock has jumped back, or the rate was another one.
            answer = {.allowed = false, .left = 0, .reset = room_, .retry = interval_};
            return now_ + room_;
        }
        const uint64_t begin = std::max(state, now_);
        const uint64_t used = begin + interval_ - now_;
        if (used > room_) {
            answer = {.allowed = false, .left = 0, .reset = begin - now_, .retry = used - room_};
            return std::nullopt;
        }
        answer = {.allowed = true, .left = (room_ - used) / interval_, .reset = used, .retry = 0};
        return begin + interval_;
    }
    [[nodiscard]] uint64_t undo(uint64_t state) const { return state - std::min(state, interval_); }
    // Where the key stands, without a request; `allowed` says nothing.
    [[nodiscard]] RateAnswer stands(uint64_t state) const {
        const uint64_t used = std::max(std::min(state, now_ + room_), now_) - now_;
        return {.allowed = false, .left = (room_ - used) / interval_, .reset = used, .retry = 0};
    }

    RateAnswer answer;

  private:
    static constexpr uint64_t kSkew = 1'000'000'000;  // cores read the clock once a turn, not at the same time

    uint64_t interval_;
    uint64_t room_;
    uint64_t now_;
};

// A window that slides: the requests of this window and, by the share of it that still counts, those of the one before
// (as if they had come evenly). State: number of the window (28 bits), count before, count now (18 bits each).
class SlidingWindow {
  public:
    static constexpr uint64_t kMost = (1U << 18) - 1;  // requests a window

    SlidingWindow(uint64_t length, uint64_t most, uint64_t now) : length_(length), most_(most), now_(now) {}

    [[nodiscard]] bool idle(uint64_t state) const {
        const State kept = current(state);
        return kept.before == 0 && kept.count == 0;
    }
    [[nodiscard]] std::optional<uint64_t> step(uint64_t state) {
        State kept = current(state);
        const uint64_t rest = length_ - now_ % length_;
        const uint64_t used = used_of(kept, rest);
        answer = {.allowed = used < most_, .left = 0, .reset = rest, .retry = 0};
        if (used >= most_) {
            answer.retry = retry_in(kept, rest);
            return std::nullopt;
        }
        answer.left = most_ - used - 1;
        ++kept.count;
        return pack(kept);
    }
    [[nodiscard]] RateAnswer stands(uint64_t state) const {
        const uint64_t rest = length_ - now_ % length_;
        const uint64_t used = std::min(used_of(current(state), rest), most_);
        return {.allowed = false, .left = most_ - used, .reset = rest, .retry = 0};
    }
    [[nodiscard]] uint64_t undo(uint64_t state) const {
        State kept = unpack(state);
        if (kept.count > 0) --kept.count;
        return pack(kept);
    }

    RateAnswer answer;

  private:
    struct State {
        uint64_t window;
        uint64_t before;
        uint64_t count;
    };
    static constexpr uint64_t kWindows = (1U << 28) - 1;

    static State unpack(uint64_t state) { return {state >> 36, (state >> 18) & kMost, state & kMost}; }
    static uint64_t pack(const State& state) { return state.window << 36 | state.before << 18 | state.count; }
    // What still counts in the window of now. A clock that has jumped back by a window or more begins anew.
    [[nodiscard]] State current(uint64_t state) const {
        const State kept = unpack(state);
        const uint64_t window = (now_ / length_) & kWindows;
        if (kept.window == window) return kept;
        if (((kept.window + 1) & kWindows) == window) return {window, kept.count, 0};
        if (((window + 1) & kWindows) == kept.window) return {kept.window, kept.before, kept.count};
        return {window, 0, 0};
    }
    // Rounded up: what is counted is never less than what was let through.
    [[nodiscard]] uint64_t used_of(const State& kept, uint64_t rest) const {
        const auto carried = (static_cast<unsigned __int128>(kept.before) * rest + length_ - 1) / length_;
        return static_cast<uint64_t>(carried) + kept.count;
    }
    // Until enough of the former window has slid out; of this one, when there it has become the former.
    [[nodiscard]] uint64_t retry_in(const State& kept, uint64_t rest) const {
        if (kept.count >= most_)
            return rest + length_ -
                   static_cast<uint64_t>(static_cast<unsigned __int128>(most_ - 1) * length_ / kept.count);
        const uint64_t may_carry = most_ - kept.count - 1;
        const auto wanted_rest =
            static_cast<uint64_t>(static_cast<unsigned __int128>(may_carry) * length_ / kept.before);
        return rest > wanted_rest ? rest - wanted_rest : 1;
    }

    uint64_t length_;
    uint64_t most_;
    uint64_t now_;
};

}  // namespace tl::gateway
