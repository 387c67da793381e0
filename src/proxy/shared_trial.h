// The trial of the adaptive limit that all cores make together at one service. One core that lets half as many through
// alone gets half of the answers from a queue that it shares with the others, and would call it no queue; a judgement
// from the answers of all is also less at the mercy of chance. Taken by a core ten times a second at most, and only
// while a service answers slowly. Any thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "base/clock.h"

namespace tl::proxy {

// How a trial is made.
struct TrialTerms {
    base::TimePoint began;
    base::Duration patience{};  // until all that was in flight has been answered, and more; the second half counts
    double keep = 1;            // of what is in flight

    [[nodiscard]] base::TimePoint settles() const { return began + patience / 2; }
    [[nodiscard]] base::TimePoint ends() const { return began + patience; }
};

class SharedTrial {
  public:
    using Number = uint64_t;
    enum class Verdict : uint8_t { none, queue, slow };
    enum class Chance : uint8_t { begin, join, wait };

    // What a core may do that sees a queue: begin one, make the one that another core has begun a moment ago too, or
    // wait until that is over.
    [[nodiscard]] Chance chance(base::TimePoint now) const;
    // By chance() == begin.
    Number begin(const TrialTerms& terms, base::TimePoint now);
    // By chance() == join; the terms of all.
    Number join(TrialTerms& terms);
    // One that takes part has had `before` answers a second, and now `rate`. Once a trial.
    void report(Number number, double before, double rate);
    // Known when all that take part have reported, or are late. A number that is gone gets the last verdict.
    [[nodiscard]] Verdict verdict(Number number, base::TimePoint now);

  private:
    [[nodiscard]] bool undecided(base::TimePoint now) const { return decided_ < number_ && now < over(); }
    // By then all that are still there have reported.
    [[nodiscard]] base::TimePoint over() const { return terms_.ends() + terms_.patience; }
    void decide();

    mutable std::mutex mutex_;
    Number number_ = 0;
    Number decided_ = 0;
    Verdict last_ = Verdict::none;  // of `decided_`
    TrialTerms terms_;
    uint32_t members_ = 0;
    uint32_t reports_ = 0;
    double before_ = 0;  // of those that have reported
    double rate_ = 0;
};
using SharedTrialPtr = std::shared_ptr<SharedTrial>;

// One for each service, for all cores: the same for the same name as long as a core holds it. Any thread, at
// configuration time.
class SharedTrials {
  public:
    [[nodiscard]] SharedTrialPtr of(const std::string& service);

  private:
    std::mutex mutex_;
    std::map<std::string, std::weak_ptr<SharedTrial>> by_service_;  // those that are gone leave with the next new one
};

}  // namespace tl::proxy
