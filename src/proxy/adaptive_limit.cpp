#include "proxy/adaptive_limit.h"

#include <algorithm>
#include <chrono>

namespace tl::proxy {

using namespace std::chrono_literals;

namespace {

constexpr base::Duration kWindow = 100ms;
// Answers that take so many times the usual have waited for others.
constexpr double kQueueing = 2;
// A cut leaves so much of what was in flight: small enough to show an effect, large enough to be harmless.
constexpr double kDeepestCut = 0.5;
constexpr double kFlattestCut = 0.7;
// What becomes slower as a whole becomes usual at this pace, a second.
constexpr double kDrift = 0.02;
constexpr double kGrowth = 0.1;  // of the limit, a window in which it was used

}  // namespace

void AdaptiveLimit::change_range(uint32_t least, uint32_t most) {
    most_ = std::max<uint32_t>(most, 1);
    least_ = std::clamp<uint32_t>(least, 1, most_);
    if (usual_ns_ == 0) limit_ = most_;
    limit_ = std::clamp(limit_, least_, most_);
}

void AdaptiveLimit::end_window(base::TimePoint now) {
    const double mean = static_cast<double>(sum_.count()) / samples_;
    const double seconds = began_ == base::TimePoint{} ? 0 : std::chrono::duration<double>(now - began_).count();
    if (usual_ns_ == 0) usual_ns_ = mean;
    if (mean < usual_ns_) {
        usual_ns_ += 0.2 * (mean - usual_ns_);
    } else {
        usual_ns_ = std::min(mean, usual_ns_ * (1 + kDrift * std::min(seconds, 1.0)));
    }
    const bool queueing = mean > kQueueing * usual_ns_;
    if (cut_from_ > 0) {
        // Those that were in flight at the cut may be slower than those by which it was decided.
        cut_mean_ns_ = std::max(cut_mean_ns_, mean);
        if (now >= cut_at_ + patience()) judge(mean, now);
    } else if (queueing && peak_ * kFlattestCut > least_) {
        cut(mean, now);
    }
    if (!queueing && peak_ * 2 >= limit_) {
        const double grown = limit_ + std::max(1.0, limit_ * kGrowth);
        limit_ = grown >= most_ ? most_ : static_cast<uint32_t>(grown);
    }
    samples_ = peak_ = 0;
    sum_ = {};
    began_ = now;
    ends_ = now + kWindow;
}

void AdaptiveLimit::cut(double mean, base::TimePoint now) {
    const double keep = std::clamp(kQueueing * usual_ns_ / mean, kDeepestCut, kFlattestCut);
    cut_from_ = peak_;
    cut_mean_ns_ = mean;
    limit_ = std::clamp(static_cast<uint32_t>(peak_ * keep), least_, most_);
    cut_at_ = now;
}

// What is in flight at a cut was sent before: its answers tell nothing of the effect.
base::Duration AdaptiveLimit::patience() const {
    return std::max<base::Duration>(2 * kWindow, base::Duration{static_cast<int64_t>(2 * cut_mean_ns_)});
}

// In a queue, answers become faster as there are fewer; half as much as expected is proof enough.
void AdaptiveLimit::judge(double mean, base::TimePoint now) {
    const double expected = cut_mean_ns_ * limit_ / cut_from_;
    const bool was_queue = mean <= (cut_mean_ns_ + expected) / 2;
    cut_from_ = 0;
    if (!was_queue) {
        usual_ns_ = mean;
        limit_ = most_;
    } else if (mean > kQueueing * usual_ns_ && peak_ * kFlattestCut > least_) {
        cut(mean, now);
    }
}

}  // namespace tl::proxy
