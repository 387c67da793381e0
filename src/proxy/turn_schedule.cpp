#include "proxy/turn_schedule.h"

#include <algorithm>

namespace tl::proxy {

namespace {

constexpr double kStartOver = 1e12;  // far from where adding a step to a double loses it

}  // namespace

void TurnSchedule::build(std::span<const double> weights, base::Random& random) {
    turns_.clear();
    for (uint32_t i = 0; i < weights.size(); ++i) {
        const double step = 1 / weights[i];
        turns_.push_back({.due = step * random.unit(), .step = step, .who = i});
    }
    std::ranges::make_heap(turns_, later);
}

void TurnSchedule::change(std::span<const double> weights) {
    for (Turn& turn : turns_) turn.step = 1 / weights[turn.who];
}

size_t TurnSchedule::next() {
    std::ranges::pop_heap(turns_, later);
    Turn& turn = turns_.back();
    const uint32_t who = turn.who;
    if (turn.due > kStartOver) [[unlikely]] {
        const double passed = turn.due;
        for (Turn& one : turns_) one.due -= passed;  // none is due before this one
    }
    turn.due += turn.step;
    std::ranges::push_heap(turns_, later);
    return who;
}

}  // namespace tl::proxy
