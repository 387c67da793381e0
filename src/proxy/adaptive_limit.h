// How many requests a service can take at once before they only wait for each other, found from its answers alone. When
// even the quick quarter of them takes far longer than usual, half as many are let through for a trial. If answers are
// as many as before, they had only waited for each other. If not, the service is slow, not full, and all are let
// through. In the manner of TCP Vegas and Netflix's concurrency-limits (gradient), with this trial added, because a
// limit that shrinks by mistake turns requests away for nothing. Plain rules with a given clock; one core.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <utility>

#include "base/clock.h"
#include "proxy/shared_trial.h"

namespace tl::proxy {

class AdaptiveLimit {
  public:
    // Makes its trials together with the others that have the same one.
    explicit AdaptiveLimit(SharedTrialPtr trial = std::make_shared<SharedTrial>()) : shared_(std::move(trial)) {}
    // Never below `least`, never above `most`.
    void change_range(uint32_t least, uint32_t most);
    [[nodiscard]] uint32_t limit() const { return limit_; }
    // When the trial is over that has not been decided yet; long past when there is none.
    [[nodiscard]] base::TimePoint trial_ends() const { return trial_.safe ? base::TimePoint{} : trial_.terms.ends(); }
    // An answer came `took` after the service had the request, while so many requests waited for theirs.
    void count(base::Duration took, uint32_t in_flight, base::TimePoint now) {
        kept_[samples_++ % kKept] = took;
        sum_ += took;
        if (in_flight > peak_) peak_ = in_flight;
        if (now >= ends_ && samples_ >= kLeastSamples) end_window(now);
    }
    // None came: the client has left after so long. In the worst queue, nobody waits for his answer.
    void count_left(base::Duration waited, uint32_t in_flight, base::TimePoint now) {
        ++left_;
        count(waited, in_flight, now);
    }

  private:
    static constexpr uint32_t kLeastSamples = 10;
    static constexpr uint32_t kKept = 64;
    static constexpr uint32_t kRated = 5;  // windows

    // What the answers of a window say.
    struct Seen {
        base::Duration quick;  // the quick quarter took no longer
        base::Duration mean;
        double rate;  // answers a second, over the last windows: those of one come in bursts
    };
    struct Trial {
        SharedTrial::Number number = 0;  // 0: there is none
        TrialTerms terms;
        double rate_before = 0;
        bool safe = false;  // it is known for a queue
        bool reported = false;
        uint32_t answers = 0;
        base::TimePoint answers_since;
    };

    struct Rated {
        uint32_t answers = 0;
        base::Duration took{};
    };

    [[nodiscard]] Seen look(base::TimePoint now);
    void end_window(base::TimePoint now);
    [[nodiscard]] base::Duration too_long() const;
    void learn(const Seen& seen, bool perhaps_queueing, double seconds);
    [[nodiscard]] bool may_begin(base::TimePoint now) const;
    void cut(const Seen& seen, base::TimePoint now);
    [[nodiscard]] TrialTerms own_terms(const Seen& seen, base::TimePoint now) const;
    void follow(const Seen& seen, base::TimePoint now);
    void end_trial(SharedTrial::Verdict verdict, const Seen& seen, base::TimePoint now);
    void grow(base::TimePoint now);
    // There was a queue a moment ago.
    [[nodiscard]] bool wary(base::TimePoint now) const { return now < wary_until_; }

    SharedTrialPtr shared_;
    uint32_t least_ = 1;
    uint32_t most_ = UINT32_MAX;
    uint32_t limit_ = UINT32_MAX;

    uint32_t left_ = 0;  // of the window's samples, clients that have left
    // The window that is being filled.
    std::array<base::Duration, kKept> kept_;
    uint32_t samples_ = 0;
    uint32_t peak_ = 0;
    base::Duration sum_{};
    base::TimePoint began_;
    base::TimePoint ends_;

    std::array<Rated, kRated> rated_{};  // the last windows
    uint32_t windows_ = 0;

    base::Duration usual_{};  // of the quick quarter, without a queue; 0: not known yet
    uint32_t queueing_ = 0;   // windows in a row that looked like it
    Trial trial_;             // the last one
    base::TimePoint wary_until_;
    base::TimePoint next_trial_;  // after one that was a mistake
    base::Duration pause_{};      // before the next one
};

}  // namespace tl::proxy
