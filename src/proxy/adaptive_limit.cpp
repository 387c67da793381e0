#include "proxy/adaptive_limit.h"

#include <algorithm>
#include <chrono>
#include <span>

namespace tl::proxy {

using namespace std::chrono_literals;

namespace {

constexpr base::Duration kWindow = 100ms;
// A pause between answers in which a queue is over for certain.
constexpr base::Duration kOver = 1s;
// Answers that take so many times the usual, and so much more, have waited for others.
constexpr int kQueueing = 2;
constexpr base::Duration kNoticed = 250ms;
// So many windows in a row: a stumble is no overload.
constexpr uint32_t kEnduring = 3;
// A trial leaves so much of what was in flight: enough of a change to show an effect. Once it is known for a queue, the
// limit may go at once to where answers are as quick as they may be.
constexpr double kTrialCut = 0.5;
constexpr double kDeepestCut = 0.1;
constexpr double kFlattestCut = 0.7;
constexpr uint32_t kTellingAnswers = 40;
// So many times what it takes until all that is in flight has been answered; the second half counts.
constexpr double kTrial = 1.5;
constexpr base::Duration kShortestTrial = 300ms;
constexpr base::Duration kLongestTrial = 3s;  // who is in line waits for its end
constexpr base::Duration kFirstPause = 2s;
constexpr base::Duration kLongestPause = 1min;
// After that many mistakes, at a growing distance, slow is the usual.
constexpr base::Duration kConvinced = 4 * kFirstPause;
// The usual follows what is seen, but upwards so slowly that a queue which grows cannot pass for it.
constexpr double kFollowing = 0.05;  // a second
constexpr double kRise = 0.02;
constexpr double kWaryRise = 0.005;
constexpr double kGrowth = 0.25;  // of the limit, a window
// After a queue it grows slower, and the next sign of one is enough.
constexpr base::Duration kWary = 10s;
constexpr double kWaryGrowth = 0.05;

base::Duration times(base::Duration d, double factor) {
    return base::Duration{static_cast<int64_t>(static_cast<double>(d.count()) * factor)};
}

double ratio(base::Duration a, base::Duration b) {
    return static_cast<double>(a.count()) / static_cast<double>(b.count());
}

double seconds(base::Duration d) { return std::chrono::duration<double>(d).count(); }

}  // namespace

void AdaptiveLimit::change_range(uint32_t least, uint32_t most) {
    most_ = std::max<uint32_t>(most, 1);
    least_ = std::clamp<uint32_t>(least, 1, most_);
    if (usual_.count() == 0) limit_ = most_;
    limit_ = std::clamp(limit_, least_, most_);
}

AdaptiveLimit::Seen AdaptiveLimit::look(base::TimePoint now) {
    const auto kept = std::span{kept_}.first(std::min(samples_, kKept));
    const auto quarter = kept.begin() + static_cast<ptrdiff_t>(kept.size() / 4);
    std::ranges::nth_element(kept, quarter);
    rated_[windows_++ % kRated] = {samples_ - left_, now - began_};
    Rated all;
    for (const Rated& one : rated_) all = {all.answers + one.answers, all.took + one.took};
    return {.quick = *quarter, .mean = sum_ / samples_, .rate = all.answers / std::max(seconds(all.took), 0.001)};
}

base::Duration AdaptiveLimit::too_long() const { return std::max(kQueueing * usual_, usual_ + kNoticed); }

void AdaptiveLimit::end_window(base::TimePoint now) {
    if (now - began_ > kOver + kWindow) {
        // Answers came one by one, or not at all: whatever it was, it is no more.
        limit_ = most_;
        queueing_ = 0;
        wary_until_ = {};
        trial_ = {};
        rated_ = {};
    } else {
        const Seen seen = look(now);
        if (usual_.count() == 0) usual_ = seen.quick;
        const bool queueing = seen.quick > too_long();
        queueing_ = queueing ? queueing_ + 1 : 0;
        if (queueing && wary(now)) wary_until_ = now + kWary;
        learn(seen, queueing || wary(now), seconds(now - began_));
        if (trial_.number != 0) {
            follow(seen, now);
        } else if (!queueing) {
            grow(now);
        } else {
            cut(seen, now);
        }
    }
    samples_ = left_ = peak_ = 0;
    sum_ = {};
    began_ = now;
    ends_ = now + kWindow;
}

void AdaptiveLimit::learn(const Seen& seen, bool perhaps_queueing, double seconds) {
    const base::Duration step = times(seen.quick - usual_, kFollowing * std::min(seconds, 1.0));
    usual_ += std::min(step, times(usual_, (perhaps_queueing ? kWaryRise : kRise) * std::min(seconds, 1.0)));
}

void AdaptiveLimit::grow(base::TimePoint now) {
    if (peak_ * 2 < limit_) return;
    const double grown = limit_ + std::max(1.0, limit_ * (wary(now) ? kWaryGrowth : kGrowth));
    limit_ = grown >= most_ ? most_ : static_cast<uint32_t>(grown);
}

bool AdaptiveLimit::may_begin(base::TimePoint now) const {
    return peak_ * kFlattestCut > least_ && queueing_ >= (wary(now) ? 1 : kEnduring) && now >= next_trial_;
}

TrialTerms AdaptiveLimit::own_terms(const Seen& seen, base::TimePoint now) const {
    const base::Duration all_answered =
        std::max<base::Duration>(seen.mean, seen.rate > 0 ? times(1s, peak_ / seen.rate) : base::Duration{0});
    return {.began = now,
            .patience = std::max(kShortestTrial, times(all_answered, kTrial)),
            .keep = wary(now) ? std::clamp(ratio(too_long(), seen.quick), kDeepestCut, kFlattestCut) : kTrialCut};
}

// Begins a trial if it is time for one, or takes part in the one that another core has begun, even with nothing to
// spare: what it answers belongs to the whole.
void AdaptiveLimit::cut(const Seen& seen, base::TimePoint now) {
    const SharedTrial::Chance chance = shared_->chance(now);
    Trial trial{.terms = own_terms(seen, now), .rate_before = seen.rate, .safe = wary(now), .answers_since = now};
    if (chance == SharedTrial::Chance::join) {
        trial.number = shared_->join(trial.terms);
    } else if (chance == SharedTrial::Chance::begin && may_begin(now)) {
        // Where most leave without an answer, there is nothing to lose.
        const bool hopeless = left_ * 2 > samples_;
        if (!trial.safe && !hopeless && trial.terms.patience > kLongestTrial) return;
        trial.number = shared_->begin(trial.terms, now);
    } else {
        return;
    }
    trial_ = trial;
    limit_ = std::clamp(static_cast<uint32_t>(peak_ * trial.terms.keep), least_, most_);
}

void AdaptiveLimit::follow(const Seen& seen, base::TimePoint now) {
    const TrialTerms& terms = trial_.terms;
    if (now < terms.settles()) {
        trial_.answers_since = now;
        return;
    }
    trial_.answers += samples_ - left_;
    const bool telling = trial_.answers >= kTellingAnswers || now - terms.ends() >= terms.patience / 2;
    if (!trial_.reported && now >= terms.ends() && telling) {
        shared_->report(trial_.number, trial_.rate_before, trial_.answers / seconds(now - trial_.answers_since));
        trial_.reported = true;
    }
    if (!trial_.reported) return;
    const SharedTrial::Verdict verdict = shared_->verdict(trial_.number, now);
    if (verdict != SharedTrial::Verdict::none) end_trial(verdict, seen, now);
}

void AdaptiveLimit::end_trial(SharedTrial::Verdict verdict, const Seen& seen, base::TimePoint now) {
    trial_ = {};
    if (verdict == SharedTrial::Verdict::queue) {
        wary_until_ = now + kWary;
        pause_ = {};
        if (seen.quick > too_long()) cut(seen, now);
        return;
    }
    limit_ = most_;
    wary_until_ = {};
    pause_ = std::clamp<base::Duration>(2 * pause_, kFirstPause, kLongestPause);
    next_trial_ = now + pause_;
    if (pause_ >= kConvinced) usual_ = seen.quick;
}

}  // namespace tl::proxy
