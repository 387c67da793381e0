#include "proxy/breaker.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/units.h"

namespace tl::proxy {

namespace {

constexpr size_t kCalls = 0;
constexpr size_t kFailed = 1;
constexpr size_t kSlow = 2;

}  // namespace

std::string_view to_string(Breaker::State state) {
    switch (state) {
        case Breaker::State::closed: return "closed";
        case Breaker::State::open: return "open";
        case Breaker::State::half_open: return "half open";
    }
    return "closed";
}

Breaker::Pass Breaker::enter_carefully(base::TimePoint now) {
    if (state_ == State::open) {
        if (now < until_) return Pass::refused;
        state_ = State::half_open;
        in_a_row_ = 0;
    }
    if (probing_ >= rule_.probes) return Pass::refused;
    ++probing_;
    return Pass::probe;
}

void Breaker::count(Pass pass, bool failed, base::Duration took, base::TimePoint now) {
    if (!rule_.on) return;
    const bool slow = rule_.slow_after.count() > 0 && took > rule_.slow_after;
    if (state_ == State::closed) return count_closed(failed, slow, now);
    // Only probes tell how it is now: what else ends was sent before.
    if (state_ != State::half_open || pass != Pass::probe) return;
    if (failed || slow) return open(Why::probe, now);
    if (++in_a_row_ >= rule_.probes) close(), closed_at_ = now;
}

void Breaker::count_closed(bool failed, bool slow, base::TimePoint now) {
    counts_.advance(now);
    counts_.add(kCalls);
    if (!failed) in_a_row_ = 0;
    if (!failed && !slow) [[likely]]
        return;
    if (failed) counts_.add(kFailed), ++in_a_row_;
    if (slow) counts_.add(kSlow);
    if (in_a_row_ >= rule_.consecutive) return open(Why::in_a_row, now);
    if (counts_.sum(kCalls) < rule_.least_calls) return;
    const auto calls = static_cast<double>(counts_.sum(kCalls));
    if (static_cast<double>(counts_.sum(kFailed)) >= calls * rule_.failures) return open(Why::failures, now);
    if (static_cast<double>(counts_.sum(kSlow)) >= calls * rule_.slow) open(Why::slow, now);
}

void Breaker::open(Why why, base::TimePoint now) {
    // One that opens again soon after it had closed has not got better: longer this time.
    const bool again = open_for_.count() > 0 && (state_ == State::half_open || now - closed_at_ < rule_.window);
    open_for_ = again ? std::min(open_for_ * 2, rule_.longest_open) : rule_.open_for;
    // What a half open one was opened for stays the reason.
    if (why != Why::probe) {
        why_ = why;
        why_count_ = why == Why::in_a_row ? in_a_row_ : counts_.sum(why == Why::slow ? kSlow : kFailed);
        why_of_ = counts_.sum(kCalls);
        ++times_opened_;
    }
    state_ = State::open;
    until_ = now + open_for_;
    in_a_row_ = 0;
    counts_.clear();
}

void Breaker::close() {
    state_ = State::closed;
    in_a_row_ = 0;
    counts_.clear();
}

void Breaker::give_a_chance() {
    if (state_ == State::open) until_ = {};
}

void Breaker::change_rule(const BreakerRule& rule) {
    rule_ = rule;
    counts_.change_window(rule.window);
    if (!rule_.on) close();
}

base::Duration Breaker::opens_in(base::TimePoint now) const {
    return state_ == State::open && until_ > now ? until_ - now : base::Duration{};
}

std::string Breaker::reason() const {
    if (state_ == State::closed) return "";
    switch (why_) {
        case Why::in_a_row: return fmt::format("{} failures in a row", why_count_);
        case Why::failures: return fmt::format("{} of the last {} calls failed", why_count_, why_of_);
        case Why::slow:
            return fmt::format("{} of the last {} calls took longer than {}", why_count_, why_of_,
                               base::format_duration(rule_.slow_after));
        case Why::probe: break;
    }
    return "it failed again";
}

}  // namespace tl::proxy
