// What a gateway may let through of a limit that several share: requests that Redis has granted it in advance, or the
// word that there are none for a while. A rule of KeyTable, as arithmetic; time comes in from outside, in milliseconds.
//
// State: valid until (40 bits of milliseconds), requests left (24 bits; kRefused: there are none until then).
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

namespace tl::gateway {

class Lease {
  public:
    static constexpr uint64_t kRefused = (1U << 24) - 1;
    static constexpr uint64_t kMost = kRefused - 1;
    enum class Word : uint8_t { unknown, granted, refused };

    // `low`: when so many are left, it is time to ask for more.
    Lease(uint64_t now, uint64_t low) : now_(now), low_(low) {}

    [[nodiscard]] static uint64_t pack(uint64_t until, uint64_t left) { return until << 24 | std::min(left, kMost); }
    [[nodiscard]] static uint64_t pack_refused(uint64_t until) { return until << 24 | kRefused; }
    [[nodiscard]] static bool is_refused(uint64_t state) { return (state & kRefused) == kRefused; }
    [[nodiscard]] static uint64_t left_of(uint64_t state) { return is_refused(state) ? 0 : state & kRefused; }

    [[nodiscard]] bool holds(uint64_t state) const { return state >> 24 > now_; }
    [[nodiscard]] bool idle(uint64_t state) const { return !holds(state) || (state & kRefused) == 0; }
    [[nodiscard]] std::optional<uint64_t> step(uint64_t state) {
        word = Word::unknown;
        more = false;
        if (!holds(state)) return std::nullopt;
        retry = (state >> 24) - now_;
        if (is_refused(state)) word = Word::refused;
        const uint64_t left = left_of(state);
        if (left == 0) return std::nullopt;
        word = Word::granted;
        more = left == low_ + 1;  // once a lease
        return state - 1;
    }
    [[nodiscard]] uint64_t undo(uint64_t state) const {
        return left_of(state) < kMost && !is_refused(state) ? state + 1 : state;
    }

    Word word = Word::unknown;
    bool more = false;
    uint64_t retry = 0;  // refused: milliseconds

  private:
    uint64_t now_;
    uint64_t low_;
};

// Puts down what Redis has said: `granted` more, or none for `retry`.
struct LeaseGrant {
    uint64_t now = 0;
    uint64_t granted = 0;
    uint64_t lasts = 0;  // milliseconds
    uint64_t retry = 0;  // milliseconds

    [[nodiscard]] bool idle(uint64_t state) const { return Lease{now, 0}.idle(state); }
    [[nodiscard]] std::optional<uint64_t> step(uint64_t state) const {
        const uint64_t left = Lease{now, 0}.holds(state) ? Lease::left_of(state) : 0;
        if (granted > 0) return Lease::pack(now + lasts, left + granted);
        // What is left may still be used.
        if (left > 0) return std::nullopt;
        return Lease::pack_refused(now + retry);
    }
    [[nodiscard]] uint64_t undo(uint64_t state) const { return state - std::min(Lease::left_of(state), granted); }
};

}  // namespace tl::gateway
