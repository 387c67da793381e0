// Weighted round robin: who has its turn, each as often as its weight says and as evenly spread as that allows
// (earliest deadline first; the order of smooth weighted round robin). O(log n) a turn. One core.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/random.h"

namespace tl::proxy {

class TurnSchedule {
  public:
    // Begins at a random place of the round, so that cores do not march in step. Weights are above 0.
    void build(std::span<const double> weights, base::Random& random);
    void clear() { turns_.clear(); }
    // New weights for the same ones; the round goes on.
    void change(std::span<const double> weights);
    // Whose turn it is. Not of an empty schedule.
    [[nodiscard]] size_t next();

  private:
    struct Turn {
        double due = 0;
        double step = 0;  // 1 / weight
        uint32_t who = 0;
    };
    static bool later(const Turn& a, const Turn& b) { return a.due != b.due ? a.due > b.due : a.who > b.who; }

    std::vector<Turn> turns_;  // a heap: the next one first
};

}  // namespace tl::proxy
