// Counts what a peer asks for against Http2Limits::budgets: a bucket a kind, filled with the time. One connection owns
// one; plain arithmetic, no clock of its own.
#pragma once

#include <array>

#include "base/clock.h"
#include "http/http2_limits.h"

namespace tl::http {

class Http2Spending {
  public:
    // Takes one; false when there is none left. WINDOW_UPDATEs come with the data that we send, which earns them.
    [[nodiscard]] bool spend(Http2Abuse kind, const Http2Limits& limits, base::TimePoint now) {
        const auto i = static_cast<size_t>(kind);
        Bucket& bucket = buckets_[i];
        const Http2Budget& budget = limits.budgets[i];
        if (bucket.spent > 0) refill(bucket, budget, now);
        if (bucket.spent == 0) bucket.since = now;
        return ++bucket.spent <= budget.burst;
    }
    void earn(Http2Abuse kind, uint32_t count) {
        Bucket& bucket = buckets_[static_cast<size_t>(kind)];
        bucket.spent -= count < bucket.spent ? count : bucket.spent;
    }

  private:
    struct Bucket {
        uint32_t spent = 0;
        base::TimePoint since{};  // up to when the refill is counted
    };
    static void refill(Bucket& bucket, const Http2Budget& budget, base::TimePoint now) {
        const auto elapsed = static_cast<uint64_t>((now - bucket.since).count());
        constexpr uint64_t kSecond = 1'000'000'000;
        if (elapsed >= kSecond * (uint64_t{bucket.spent} + 1)) {  // at least one a second comes back
            bucket.spent = 0;
            return;
        }
        const uint64_t gained = elapsed * budget.per_second / kSecond;
        if (gained == 0) return;  // not enough time for one: it goes on being counted
        bucket.spent -= gained < bucket.spent ? static_cast<uint32_t>(gained) : bucket.spent;
        bucket.since = now;
    }

    std::array<Bucket, kHttp2Budgets> buckets_{};
};

}  // namespace tl::http
