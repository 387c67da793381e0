#include "proxy/limiter.h"

#include <algorithm>

#include "rt/loop.h"

namespace tl::proxy {

namespace {

// So many requests at once on one instance are never called too many by the adaptive limit: bursts are no overload.
constexpr uint32_t kLeastOfAnInstance = 32;

}  // namespace

void Limiter::change_rule(const ConcurrencyRule& rule, size_t instances) {
    rule_ = rule;
    const auto count = static_cast<uint32_t>(std::clamp<size_t>(instances, 1, 65536));
    most_ = std::max<uint32_t>(rule.requests, 1);
    if (rule.instance > 0) most_ = std::min(most_, rule.instance * count);
    adaptive_.change_range(kLeastOfAnInstance * count, most_);
    let_in();
}

// As many as there is room for: the limit may have grown by more than one.
void Limiter::let_in() {
    while (waiting_ > 0 && !full()) {
        const uint32_t before = waiting_;
        wake_next();
        if (waiting_ == before) break;
    }
}

rt::Task<Limiter::Entry> Limiter::enter(Importance importance, rt::Wait wait) {
    if (waiting_ >= rule_.queue && !make_room_for(importance)) {
        ++turned_away_;
        co_return Entry::line_full;
    }
    // Nobody is turned away by a trial that may be a mistake.
    const base::TimePoint trial = rule_.adaptive ? adaptive_.trial_ends() : base::TimePoint{};
    const base::TimePoint until = std::max(base::deadline_after(rt::this_loop().now(), rule_.queue_for), trial);
    Place place{wait.until(until)};
    line_[static_cast<size_t>(importance)].push_back(place);
    ++waiting_;
    const rt::Wake wake = co_await static_cast<rt::WaitAwaiter&>(place);
    // Whoever was woken with a place has been taken out of the line already.
    if (wake == rt::Wake::ready) {
        if (!place.displaced) co_return Entry::admitted;
        ++turned_away_;
        co_return Entry::line_full;
    }
    place.rt::ListNode<Place>::unlink();
    --waiting_;
    if (wake == rt::Wake::cancelled) co_return Entry::cancelled;
    ++turned_away_;
    co_return until <= wait.deadline ? Entry::waited_too_long : Entry::deadline;
}

// Sends the last comer of the least important away, if it is less important than `importance`.
bool Limiter::make_room_for(Importance importance) {
    for (size_t i = 0; i < static_cast<size_t>(importance); ++i) {
        Place* last = nullptr;
        line_[i].for_each([&](Place& place) {
            if (place.waiting()) last = &place;
        });
        if (last == nullptr) continue;
        last->rt::ListNode<Place>::unlink();
        --waiting_;
        last->displaced = true;
        last->wake();
        return true;
    }
    return false;
}

void Limiter::leave() {
    --in_flight_;
    if (waiting_ > 0) [[unlikely]]
        let_in();
}

void Limiter::wake_next() {
    for (size_t i = kImportances; i-- > 0;) {
        while (Place* next = line_[i].pop_front()) {
            // One whose time is over but that has not resumed yet wants no place any more; it counts itself out.
            if (!next->waiting()) continue;
            --waiting_;
            ++in_flight_;
            next->wake();
            return;
        }
    }
}

}  // namespace tl::proxy
