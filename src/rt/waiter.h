// What every leaf that waits is made of: a suspended coroutine that is woken exactly once, by what it waits for, by
// its deadline or by a cancel. Lives in the coroutine's frame; dying unlinks it from everything.
#pragma once

#include <coroutine>

#include "base/clock.h"
#include "base/error.h"
#include "rt/cancel.h"
#include "rt/timer_wheel.h"

namespace tl::rt {

// How long and on whose behalf something waits. Taken by value by every leaf.
struct Wait {
    base::TimePoint deadline = base::kNever;
    Cancel* cancel = nullptr;

    [[nodiscard]] Wait until(base::TimePoint earlier) const {
        return {earlier < deadline ? earlier : deadline, cancel};
    }
};

enum class Wake : uint8_t { ready, timeout, cancelled };

// The error for a wake that was not `ready`; `what` says what was waited for.
[[nodiscard]] base::Error wake_error(Wake wake, std::string_view what);

class Loop;

class Waiter : private Timer, private CancelHook {
  public:
    Waiter() = default;
    [[nodiscard]] bool waiting() const { return waiting_; }
    [[nodiscard]] Wake result() const { return result_; }

    // Suspends `handle` under `wait`. If the wait is over already, wakes at the next turn.
    void suspend(std::coroutine_handle<> handle, const Wait& wait);
    // Ends the wait; the coroutine resumes from the loop, never inside this call. No effect if not waiting.
    void wake(Wake why = Wake::ready);

  protected:
    ~Waiter();

  private:
    friend class Loop;
    void on_timer() override { wake(Wake::timeout); }
    void on_cancel() override { wake(Wake::cancelled); }

    // A link in the loop's ready queue while woken and not yet resumed.
    struct ReadyLink : ListNode<ReadyLink> {
        Waiter* owner = nullptr;
    };

    std::coroutine_handle<> handle_;
    ReadyLink ready_;
    Wake result_ = Wake::ready;
    bool waiting_ = false;
};

// co_await SomeWaiter: the common shape of an awaitable leaf.
class WaitAwaiter : public Waiter {
  public:
    explicit WaitAwaiter(const Wait& wait) : wait_(wait) {}
    bool await_ready() noexcept { return false; }
    void await_suspend(std::coroutine_handle<> handle) { suspend(handle, wait_); }
    Wake await_resume() noexcept { return result(); }

  private:
    Wait wait_;
};

}  // namespace tl::rt
