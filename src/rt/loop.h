// One core's event loop: epoll (edge-triggered), timers, ready coroutines, and messages from other cores. Everything
// that a loop runs, runs on its thread; post() is the only call another thread may make. One clock read a turn.
// Made by main or rt/core.h; ended by stop() from its own thread or through post().
#pragma once

#include <sys/epoll.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "rt/task.h"
#include "rt/timer_wheel.h"
#include "rt/waiter.h"

namespace tl::rt {

class Readiness;
class RootPromise;

class Loop {
  public:
    using Message = std::move_only_function<void()>;
    static constexpr size_t kMostMessages = 65536;

    Loop();  // throws std::system_error when the kernel gives no epoll or event descriptor
    ~Loop();
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;

    // Runs until stop(). Binds the loop to the calling thread for that time.
    void run();
    void stop() { stopping_ = true; }
    // Runs `task` to its end on this loop and returns; for main and tests.
    void run_until_done(Task<void> task);

    // From any thread: `message` runs on the loop's thread, in order of posting. False when the mailbox is full
    // (kMostMessages) - the receiver is stuck - and then the message was not taken.
    bool post(Message message);

    // The time of this turn.
    [[nodiscard]] base::TimePoint now() const { return now_; }
    [[nodiscard]] Wait within(base::Duration d, Cancel* cancel = nullptr) const {
        return {base::deadline_after(now_, d), cancel};
    }
    [[nodiscard]] base::Random& random() { return random_; }
    [[nodiscard]] uint64_t turns() const { return turns_; }
    void arm(Timer& timer, base::TimePoint deadline) { timers_.arm(timer, deadline); }
    [[nodiscard]] bool in_loop_thread() const;

    // The descriptors without which this loop cannot run, and those that it watches (from /proc), in a fork too.
    [[nodiscard]] std::vector<int> descriptors() const;

    // Calls `visit` for each task that runs by itself, in order of their start (rt/dump.h).
    void for_each_root(const std::function<void(const RootPromise&)>& visit) const;

    // A descriptor that has had its share of this turn.
    struct HeldLink : ListNode<HeldLink> {
        Readiness* owner = nullptr;
    };
    void hold_until_next_turn(HeldLink& link) {
        if (!link.linked()) held_.push_back(link);
    }

  private:
    friend class Waiter;
    friend class Readiness;
    friend class RootPromise;

    void turn();
    void run_ready();
    void run_messages();
    void let_go_held();
    [[nodiscard]] int poll_timeout() const;
    void dispatch(int count);

    int epoll_ = -1;
    int event_ = -1;
    bool stopping_ = false;
    uint64_t turns_ = 0;
    base::TimePoint now_;
    TimerWheel timers_;
    base::Random random_;
    List<Waiter::ReadyLink> ready_;
    List<HeldLink> held_;
    List<RootPromise> roots_;
    std::vector<epoll_event> events_;

    std::mutex mailbox_mutex_;
    std::vector<Message> mailbox_;  // guarded by mailbox_mutex_
    std::atomic<bool> mailbox_signalled_{false};
};

// The loop that the calling thread runs; aborts outside one.
[[nodiscard]] Loop& this_loop();

// Resumes at `deadline` of the wait, or when cancelled.
[[nodiscard]] inline WaitAwaiter wait_for(const Wait& wait) { return WaitAwaiter{wait}; }
[[nodiscard]] inline WaitAwaiter sleep(base::Duration d, Cancel* cancel = nullptr) {
    return WaitAwaiter{this_loop().within(d, cancel)};
}
// Lets other ready work go first.
[[nodiscard]] inline WaitAwaiter yield() { return WaitAwaiter{Wait{base::TimePoint{}, nullptr}}; }

}  // namespace tl::rt
