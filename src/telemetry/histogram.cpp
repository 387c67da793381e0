#include "telemetry/histogram.h"

#include <cmath>

namespace tl::telemetry {

void Histogram::merge(const Histogram& other) {
    for (size_t i = 0; i < fine_.size(); ++i) fine_[i] += other.fine_[i];
    for (size_t i = 0; i < coarse_.size(); ++i) coarse_[i] += other.coarse_[i];
    count_ += other.count_;
    sum_ns_ += other.sum_ns_;
}

Histogram Histogram::since(const Histogram& before) const {
    Histogram out = *this;
    for (size_t i = 0; i < fine_.size(); ++i) out.fine_[i] -= before.fine_[i];
    for (size_t i = 0; i < coarse_.size(); ++i) out.coarse_[i] -= before.coarse_[i];
    out.count_ -= before.count_;
    out.sum_ns_ -= before.sum_ns_;
    return out;
}

base::Duration quantile(const Histogram& histogram, double q) {
    if (histogram.count() == 0) return base::Duration{0};
    // The rank-th smallest value, counted from 1.
    const double wanted = std::ceil(std::clamp(q, 0.0, 1.0) * static_cast<double>(histogram.count()));
    const auto rank = std::max<uint64_t>(static_cast<uint64_t>(wanted), 1);
    uint64_t below = 0;
    for (size_t i = 0; i < Histogram::kFine; ++i) {
        const uint64_t here = histogram.fine()[i];
        if (below + here < rank) {
            below += here;
            continue;
        }
        const auto lower = static_cast<double>(Histogram::fine_lower(i));
        if (i == Histogram::kFine - 1) return base::Duration{static_cast<int64_t>(lower)};
        const auto upper = static_cast<double>(Histogram::fine_lower(i + 1));
        // As if the values of a bucket were spread evenly over it.
        const double share = (static_cast<double>(rank - below) - 0.5) / static_cast<double>(here);
        return base::Duration{static_cast<int64_t>(lower + (upper - lower) * share)};
    }
    return base::Duration{static_cast<int64_t>(1ULL << Histogram::kHighest)};
}

}  // namespace tl::telemetry
