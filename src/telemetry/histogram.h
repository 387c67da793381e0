// A histogram of durations, kept twice: in fine log-linear buckets for quantiles (8 a power of two from 8 us
// to 69 s: a quantile is off by at most one bucket's width, 12.5 %, and by 6 % typically), and in the coarse
// buckets that Prometheus is shown, whose counts are exact. Plain data that belongs to one core; copied to be
// read.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

#include "base/clock.h"

namespace tl::telemetry {

class Histogram {
  public:
    static constexpr int kLowest = 13;   // 2^13 ns = 8.2 us: below it there is one bucket
    static constexpr int kHighest = 36;  // 2^36 ns = 68.7 s: from it on there is one bucket
    static constexpr int kSubBits = 3;
    static constexpr size_t kFine = (static_cast<size_t>(kHighest - kLowest) << kSubBits) + 2;

    // Upper bounds of the exposed buckets, inclusive, in nanoseconds: 100 us to 60 s. Behind them is +Inf.
    static constexpr std::array<uint64_t, 18> kBounds = {
        100'000,       250'000,       500'000,       1'000'000,      2'500'000,      5'000'000,
        10'000'000,    25'000'000,    50'000'000,    100'000'000,    250'000'000,    500'000'000,
        1'000'000'000, 2'500'000'000, 5'000'000'000, 10'000'000'000, 30'000'000'000, 60'000'000'000};

    void add(base::Duration duration) {
        const auto ns = static_cast<uint64_t>(std::max<int64_t>(duration.count(), 0));
        const size_t fine = fine_index(ns);
        ++fine_[fine];
        // A fine bucket holds at most one of the bounds, so one comparison settles the coarse one.
        const size_t first = kFirstBound[fine];
        ++coarse_[first + (first < kBounds.size() && ns > kBounds[first] ? 1 : 0)];
        ++count_;
        sum_ns_ += ns;
    }
    void merge(const Histogram& other);

    [[nodiscard]] uint64_t count() const { return count_; }
    [[nodiscard]] uint64_t sum_ns() const { return sum_ns_; }
    // Not cumulative; [kBounds.size()] is what lies above all bounds.
    [[nodiscard]] const std::array<uint64_t, kBounds.size() + 1>& coarse() const { return coarse_; }
    [[nodiscard]] const std::array<uint64_t, kFine>& fine() const { return fine_; }
    // What was added since `before`, an earlier copy of the same histogram.
    [[nodiscard]] Histogram since(const Histogram& before) const;

    [[nodiscard]] static constexpr size_t fine_index(uint64_t ns) {
        if (ns < (1ULL << kLowest)) return 0;
        if (ns >= (1ULL << kHighest)) return kFine - 1;
        const int octave = 63 - std::countl_zero(ns);
        const uint64_t sub = (ns >> (octave - kSubBits)) & ((1U << kSubBits) - 1);
        return 1 + (static_cast<size_t>(octave - kLowest) << kSubBits) + sub;
    }
    // Smallest value of a fine bucket.
    [[nodiscard]] static constexpr uint64_t fine_lower(size_t index) {
        if (index == 0) return 0;
        const size_t octave = ((index - 1) >> kSubBits) + kLowest;
        const uint64_t sub = (index - 1) & ((1U << kSubBits) - 1);
        return (1ULL << octave) + (sub << (octave - kSubBits));
    }

  private:
    // For each fine bucket the first bound that is not below its smallest value.
    static constexpr auto make_first_bounds() {
        std::array<uint8_t, kFine> first{};
        for (size_t i = 0; i < kFine; ++i) {
            const uint64_t lower = fine_lower(i);
            size_t bound = 0;
            while (bound < kBounds.size() && kBounds[bound] < lower) ++bound;
            first[i] = static_cast<uint8_t>(bound);
        }
        return first;
    }
    static const std::array<uint8_t, kFine> kFirstBound;

    uint64_t count_ = 0;
    uint64_t sum_ns_ = 0;
    std::array<uint64_t, kBounds.size() + 1> coarse_{};
    std::array<uint64_t, kFine> fine_{};
};

inline constexpr std::array<uint8_t, Histogram::kFine> Histogram::kFirstBound = Histogram::make_first_bounds();

// The value below which the share `q` (0..1) of the durations lies, interpolated inside of its bucket; 0 when
// empty, 2^36 ns when it lies above the highest bucket.
[[nodiscard]] base::Duration quantile(const Histogram& histogram, double q);

}  // namespace tl::telemetry
