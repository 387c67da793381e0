// Which instance of a service does worse than the others, as one core sees it: such an instance is ejected for a while.
// It is compared with the other instances, never with a fixed mark, so that a service that fails or is slow as a whole
// ejects nobody (that is the breaker's matter). Plain rules with a given clock; Upstream tells of every try and leaves
// out whom this ejects. One core.
#pragma once

#include <span>
#include <string>

#include "proxy/sliding_counts.h"
#include "proxy/traffic.h"

namespace tl::proxy {

// How a try ended, as far as it says something about its instance.
enum class Verdict : uint8_t { success, failure, none };

// What is known of one instance; part of it.
class OutlierRecord {
  public:
    enum class Why : uint8_t { none, in_a_row, failures, slow };

    [[nodiscard]] bool ejected() const { return until_ != base::TimePoint{}; }
    [[nodiscard]] base::TimePoint until() const { return until_; }
    // Tries that have no answer yet.
    [[nodiscard]] uint32_t waiting() const { return waiting_; }
    // Why it is ejected, as one clause: "5 failures in a row"; "" when it is not.
    [[nodiscard]] std::string reason() const;

  private:
    friend class OutlierDetector;

    SlidingCounts<3> counts_{std::chrono::seconds{10}};  // calls, failures, slow ones
    uint32_t in_a_row_ = 0;
    uint32_t waiting_ = 0;         // tries without an answer yet
    base::TimePoint quiet_since_;  // the last answer, or the first try that waits for one
    bool seen_quiet_ = false;      // the silence since then was counted as a slow answer
    double latency_ns_ = 0;        // smoothed; 0: nothing known
    double chance_ = 1;            // that a well instance is slow as often in a row as this one is
    base::TimePoint until_;        // ejected until then; zero: it is not
    base::TimePoint returned_;
    uint32_t ejections_ = 0;  // lately
    Why why_ = Why::none;
    uint64_t why_count_ = 0;
    uint64_t why_of_ = 0;
};

class OutlierDetector {
  public:
    void change_rule(const OutlierRule& rule) { rule_ = rule; }

    void try_begins(OutlierRecord& one, base::TimePoint now) {
        if (one.waiting_++ == 0) one.quiet_since_ = now, one.seen_quiet_ = false;
    }
    // The try has an answer, or none will come; `took` until then. True: `one` is to be ejected, if eject() agrees.
    [[nodiscard]] bool try_ended(OutlierRecord& one, Verdict verdict, base::Duration took, base::TimePoint now);
    // Now and then, for all instances of the set: takes back those whose time is over, counts silence, finds what is
    // usual. True when somebody was taken back or is to be ejected: then `worst` says who.
    struct Review {
        bool returned = false;
        OutlierRecord* worst = nullptr;
    };
    [[nodiscard]] Review review(std::span<OutlierRecord* const> all, base::TimePoint now);
    // Ejects it, unless as many are ejected already as may be.
    bool eject(OutlierRecord& one, std::span<OutlierRecord* const> all, base::TimePoint now);

    [[nodiscard]] uint64_t ejections() const { return ejections_; }

  private:
    [[nodiscard]] bool count_slow(OutlierRecord& one, base::TimePoint now);
    [[nodiscard]] bool too_many_failures(OutlierRecord& one) const;
    void set_usual(std::span<OutlierRecord* const> all);

    OutlierRule rule_;
    SlidingCounts<3> counts_{std::chrono::seconds{10}};  // of all instances: calls, failures, slow ones
    double slow_above_ns_ = 0;                           // what takes longer is slow; 0: nothing is
    uint64_t ejections_ = 0;
};

}  // namespace tl::proxy
