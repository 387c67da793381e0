// Something that happens on one core and that coroutines of that core wait for: Event stays set until reset, Signal
// wakes who waits now. Waiters are woken in order; they resume from the loop, never inside the call. An event must
// outlive its waiters.
#pragma once

#include "rt/loop.h"
#include "rt/waiter.h"

namespace tl::rt {

class Signal {
  public:
    class Awaiter : public WaitAwaiter, public ListNode<Awaiter> {
      public:
        Awaiter(Signal& signal, const Wait& wait) : WaitAwaiter(wait), signal_(&signal) {}
        void await_suspend(std::coroutine_handle<> handle) {
            signal_->waiters_.push_back(*this);
            WaitAwaiter::await_suspend(handle);
        }
        Wake await_resume() noexcept {
            ListNode<Awaiter>::unlink();
            return result();
        }

      private:
        Signal* signal_;
    };

    [[nodiscard]] Awaiter wait(const Wait& wait = {}) { return {*this, wait}; }
    void notify_all() {
        List<Awaiter> woken;
        woken.splice_back(waiters_);
        while (Awaiter* awaiter = woken.pop_front()) awaiter->wake();
    }
    void notify_one() {
        while (Awaiter* awaiter = waiters_.pop_front()) {
            // One whose wait is over already, but that has not resumed yet, must not swallow the wake.
            const bool waits = awaiter->waiting();
            awaiter->wake();
            if (waits) return;
        }
    }
    [[nodiscard]] bool anyone_waits() const { return !waiters_.empty(); }

  private:
    List<Awaiter> waiters_;
};

class Event {
  public:
    [[nodiscard]] bool is_set() const { return set_; }
    void set() {
        set_ = true;
        signal_.notify_all();
    }
    void reset() { set_ = false; }
    [[nodiscard]] Task<Wake> wait(Wait wait = {}) {
        if (set_) co_return Wake::ready;
        const Wake wake = co_await signal_.wait(wait);
        co_return wake;
    }

  private:
    Signal signal_;
    bool set_ = false;
};

}  // namespace tl::rt
