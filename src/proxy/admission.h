// A request's leave to go to a service: past the circuit breaker, with a place of the concurrency limit. In forward's
// frame, which gives back what it holds; without leave, context.refusal says why.
#pragma once

#include "proxy/request_context.h"
#include "proxy/upstream.h"

namespace tl::proxy {

class Admission {
  public:
    Admission(RequestContext& context, Upstream& upstream) : context_(&context), upstream_(&upstream) {}
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
    [[nodiscard]] Breaker::Pass pass() const { return pass_; }

  private:
    [[nodiscard]] Denial circuit_open() const;
    [[nodiscard]] Denial overloaded(std::string_view how) const;

    RequestContext* context_;
    Upstream* upstream_;
    Breaker::Pass pass_ = Breaker::Pass::refused;
    bool holds_place_ = false;
};

}  // namespace tl::proxy
