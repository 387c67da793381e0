#include "proxy/outlier.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace tl::proxy {

namespace {

constexpr size_t kCalls = 0;
constexpr size_t kFailed = 1;
constexpr size_t kSlow = 2;

// An instance is slow beyond doubt when a well one would be slow so often in a row once in a million times.
constexpr double kDoubt = 1e-6;
// Nothing is known so well that less than one answer in a hundred would be slow anyway.
constexpr double kLeastShare = 0.01;
constexpr double kSmoothing = 0.1;
// Where so many of the others' calls fail, it is the service that fails.
constexpr double kServiceFails = 0.5;

double share(uint64_t part, uint64_t whole) {
    return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

std::string OutlierRecord::reason() const {
    switch (why_) {
        case Why::none: break;
        case Why::in_a_row: return fmt::format("{} failures in a row", why_count_);
        case Why::failures:
            return fmt::format("{} of its last {} calls failed, far more than elsewhere", why_count_, why_of_);
        case Why::slow:
            return fmt::format("{} of its last {} answers were far slower than those of others", why_count_, why_of_);
    }
    return "";
}

bool OutlierDetector::try_ended(OutlierRecord& one, Verdict verdict, base::Duration took, base::TimePoint now) {
    --one.waiting_;
    one.quiet_since_ = now;
    one.seen_quiet_ = false;
    if (verdict == Verdict::none || !rule_.on) return false;
    counts_.advance(now);
    one.counts_.advance(now);
    counts_.add(kCalls);
    one.counts_.add(kCalls);
    if (verdict == Verdict::failure) {
        ++one.in_a_row_;
        counts_.add(kFailed);
        one.counts_.add(kFailed);
        return too_many_failures(one);
    }
    one.in_a_row_ = 0;
    const auto ns = static_cast<double>(took.count());
    one.latency_ns_ = one.latency_ns_ == 0 ? ns : one.latency_ns_ + kSmoothing * (ns - one.latency_ns_);
    if (slow_above_ns_ == 0 || ns < slow_above_ns_) [[likely]] {
        one.chance_ = 1;
        return false;
    }
    return count_slow(one, now);
}

bool OutlierDetector::too_many_failures(OutlierRecord& one) const {
    const uint64_t calls = one.counts_.sum(kCalls);
    const uint64_t failed = one.counts_.sum(kFailed);
    const double elsewhere = share(counts_.sum(kFailed) - failed, counts_.sum(kCalls) - calls);
    if (elsewhere >= kServiceFails) return false;
    if (one.in_a_row_ >= rule_.consecutive) {
        one.why_ = OutlierRecord::Why::in_a_row;
        one.why_count_ = one.in_a_row_;
        return true;
    }
    if (calls < rule_.least_calls || share(failed, calls) < elsewhere + rule_.failures) return false;
    one.why_ = OutlierRecord::Why::failures;
    one.why_count_ = failed;
    one.why_of_ = calls;
    return true;
}

// How likely a slow answer is anyway is learned from the others: where every tenth is slow, six in a row are needed.
bool OutlierDetector::count_slow(OutlierRecord& one, base::TimePoint now) {
    counts_.advance(now);
    one.counts_.advance(now);
    counts_.add(kSlow);
    one.counts_.add(kSlow);
    const double slow =
        share(counts_.sum(kSlow) - one.counts_.sum(kSlow), counts_.sum(kCalls) - one.counts_.sum(kCalls));
    one.chance_ *= std::max(slow, kLeastShare);
    if (one.chance_ > kDoubt * 1.001) return false;
    one.why_ = OutlierRecord::Why::slow;
    one.why_count_ = one.counts_.sum(kSlow);
    one.why_of_ = std::max(one.counts_.sum(kCalls), one.why_count_);
    return true;
}

// The smoothed latency of the middle instance: one that is slow does not move it.
void OutlierDetector::set_usual(std::span<OutlierRecord* const> all) {
    std::vector<double> known;
    for (const OutlierRecord* one : all) {
        if (!one->ejected() && one->latency_ns_ > 0) known.push_back(one->latency_ns_);
    }
    slow_above_ns_ = 0;
    if (known.size() < 2) return;
    const auto middle = known.begin() + static_cast<std::ptrdiff_t>((known.size() - 1) / 2);
    std::ranges::nth_element(known, middle);
    slow_above_ns_ = std::max(*middle * rule_.latency, *middle + static_cast<double>(rule_.latency_above.count()));
}

OutlierDetector::Review OutlierDetector::review(std::span<OutlierRecord* const> all, base::TimePoint now) {
    Review found;
    if (!rule_.on && std::ranges::none_of(all, &OutlierRecord::ejected)) return found;
    for (OutlierRecord* one : all) {
        if (!one->ejected() || (rule_.on && now < one->until_)) continue;
        // What was counted before says nothing about now; the next ejection is longer all the same.
        one->until_ = {};
        one->why_ = OutlierRecord::Why::none;
        one->counts_.clear();
        one->in_a_row_ = 0;
        one->latency_ns_ = 0;
        one->chance_ = 1;
        one->returned_ = now;
        found.returned = true;
    }
    set_usual(all);
    if (slow_above_ns_ == 0 || !rule_.on) return found;
    for (OutlierRecord* one : all) {
        // A request that has waited for long already tells as much as a slow answer. Once: it may be the only one.
        const bool quiet = one->waiting_ > 0 && !one->seen_quiet_ && !one->ejected() &&
                           static_cast<double>((now - one->quiet_since_).count()) > slow_above_ns_;
        if (!quiet) continue;
        one->seen_quiet_ = true;
        if (count_slow(*one, now)) found.worst = one;
    }
    return found;
}

bool OutlierDetector::eject(OutlierRecord& one, std::span<OutlierRecord* const> all, base::TimePoint now) {
    const auto ejected = static_cast<double>(std::ranges::count_if(all, &OutlierRecord::ejected));
    if (one.ejected() || ejected + 1 > rule_.most * static_cast<double>(all.size())) {
        one.why_ = one.ejected() ? one.why_ : OutlierRecord::Why::none;
        return false;
    }
    // Forgiven: one ejection for each time that it stayed well for as long as one lasts.
    if (one.ejections_ > 0) {
        const auto well = static_cast<uint64_t>((now - one.returned_) / rule_.eject_for);
        one.ejections_ -= static_cast<uint32_t>(std::min<uint64_t>(well, one.ejections_));
    }
    ++one.ejections_;
    one.until_ = now + std::min(rule_.eject_for * one.ejections_, rule_.longest);
    ++ejections_;
    return true;
}

}  // namespace tl::proxy
