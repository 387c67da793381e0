// The leave of a request, or of a connection of TCP, to go to a service: past the circuit breaker, with a place of the
// concurrency limit. In the frame of whoever goes; gives back what it holds when that ends.
#pragma once

#include "proxy/route.h"
#include "proxy/upstream.h"

namespace tl::proxy {

class Admission {
  public:
    // `refusal` says why there is none, when there is none.
    Admission(Denial& refusal, Importance importance, Upstream& upstream)
        : refusal_(&refusal), importance_(importance), upstream_(&upstream) {}
    ~Admission() {
        free_place();
        upstream_->breaker().leave(pass_);
    }
    Admission(const Admission&) = delete;
    Admission& operator=(const Admission&) = delete;

    // Without waiting; false: ask enter().
    [[nodiscard]] bool try_enter(base::TimePoint now) {
        pass_ = upstream_->breaker().enter(now);
        holds_place_ = pass_ != Breaker::Pass::refused && upstream_->limiter().try_enter();
        return holds_place_;
    }
    // In line if need be. False: refused.
    [[nodiscard]] rt::Task<bool> enter(rt::Wait wait);

    // The head of the answer is there: what follows takes no place.
    void free_place() {
        if (!std::exchange(holds_place_, false)) return;
        upstream_->limiter().leave();
    }
    // A connection is made: what tried the service out has told enough. Its place it keeps.
    void connected() { upstream_->breaker().leave(std::exchange(pass_, Breaker::Pass::free)); }
    [[nodiscard]] Breaker::Pass pass() const { return pass_; }

  private:
    [[nodiscard]] Denial circuit_open() const;
    [[nodiscard]] Denial overloaded(std::string_view how) const;

    Denial* refusal_;
    Importance importance_;
    Upstream* upstream_;
    Breaker::Pass pass_ = Breaker::Pass::refused;
    bool holds_place_ = false;
};

}  // namespace tl::proxy
