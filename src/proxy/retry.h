// Whether a request is tried again, when, and where not: the tries of one request. Asked by the attempt when an answer
// has come that another instance may better, and by forward when a try has failed. In forward's frame.
#pragma once

#include <array>
#include <optional>
#include <span>

#include "proxy/grpc_call.h"
#include "proxy/request_context.h"
#include "proxy/upstream.h"

namespace tl::proxy {

// Tells the next hop the number of this try, from the second on; whoever gets a request with it makes no retries of its
// own, so that three tries at each of four hops are three and not eighty-one.
inline constexpr std::string_view kRequestAttempt = "X-Request-Attempt";

// Seconds or a date of RFC 9110 5.6.7, as a time from `now` on; nullopt for neither. Dates that have passed: 0.
[[nodiscard]] std::optional<base::Duration> parse_retry_after(std::string_view text, base::WallTime now);
// Full jitter (M. Brooker, Exponential Backoff And Jitter, 2015): anything up to first * 2^(made - 1), at most
// `longest`.
[[nodiscard]] base::Duration backoff(base::Duration first, base::Duration longest, size_t made, base::Random& random);

class Retry {
  public:
    static constexpr size_t kMostTried = 8;

    Retry(RequestContext& context, Upstream& upstream, base::TimePoint deadline)
        : context_(&context), upstream_(&upstream), deadline_(deadline) {}

    // Other instances are those of this version; none: any.
    void keep_to(telemetry::NameId version) { version_ = version; }
    // A try at `instance` begins.
    void count(const Instance& instance) {
        if (made_ < kMostTried) tried_[made_] = instance.serial;
        ++made_;
    }
    [[nodiscard]] std::span<const uint64_t> tried() const { return {tried_.data(), std::min(made_, kMostTried)}; }
    [[nodiscard]] size_t made() const { return made_; }

    // How much of the request a failed try has used up.
    struct Used {
        bool sent = true;         // something may have arrived
        bool body_intact = true;  // it can be sent again
    };
    // An answer is there. True: drop it; another try was granted, and paid from the budget.
    [[nodiscard]] bool rather_than(const Answer& answer, Used used);
    // A try has failed without an answer. True: another was granted.
    [[nodiscard]] bool after(const base::Error& error, Used used);
    // A second try beside the first.
    [[nodiscard]] bool may_hedge();
    [[nodiscard]] bool pay();

    // Whether one was granted since the last call, and how long to wait before it.
    [[nodiscard]] std::optional<base::Duration> take_granted() { return std::exchange(granted_, std::nullopt); }

  private:
    [[nodiscard]] bool allowed(Used used);
    [[nodiscard]] bool nested();
    [[nodiscard]] bool has_other() const { return upstream_->has_other_than(tried(), version_); }
    [[nodiscard]] bool grant(base::Duration least_wait, bool at_once);

    RequestContext* context_;
    Upstream* upstream_;
    base::TimePoint deadline_;
    std::array<uint64_t, kMostTried> tried_{};  // serials: an instance may be gone by the next try
    size_t made_ = 0;
    telemetry::NameId version_ = telemetry::kNoName;
    std::optional<base::Duration> granted_;
    std::optional<bool> nested_;  // the request is somebody's retry; looked at before a mark of ours is in the head
};

}  // namespace tl::proxy
