// A thread with a loop of its own. The data path runs on one or more of these; the control plane runs on main's loop.
// Owned by app/. Objects made on a core die on it: hand them over by run_on or post.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <semaphore>
#include <string>
#include <thread>
#include <type_traits>
#include <variant>

#include "rt/event.h"
#include "rt/loop.h"

namespace tl::rt {

class Core {
  public:
    // Starts the thread and returns once its loop runs. `name` shows in ps and in dumps (15 characters at most).
    explicit Core(std::string name);
    // Stops the loop and joins.
    ~Core();
    Core(const Core&) = delete;
    Core& operator=(const Core&) = delete;

    [[nodiscard]] Loop& loop() { return *loop_; }
    [[nodiscard]] const std::string& name() const { return name_; }

    // For a fork, which takes along the memory but none of the threads: park() lets the thread leave its loop between
    // two turns, so that nothing of what runs there is on its stack, and blocks until then; false: it was busy until
    // `deadline`, and runs on. leave() ends a parked thread. go_on() runs the same loop again, by the parked thread or
    // by a new one (in the fork, too), and does nothing when it runs. From the thread that made the core.
    [[nodiscard]] bool park(base::TimePoint deadline);
    void leave();
    void go_on();

  private:
    void run_thread();

    std::string name_;
    std::unique_ptr<Loop> loop_;
    std::binary_semaphore parked_{0};
    std::binary_semaphore released_{0};
    bool is_parked_ = false;
    std::atomic<bool> leaving_ = false;
    std::thread thread_;
};

// Runs `work` (a plain function object) on `target` and resumes here with what it returned. The error is
// Code::unavailable when the target's mailbox is full, Code::timeout or Code::cancelled when the wait ended first; then
// `work` may still run later, so it must own what it uses.
template <class Work, class T = std::invoke_result_t<Work>>
Task<base::Result<T>> run_on(Loop& target, Work work, Wait wait = {}) {
    struct State {
        Signal done;
        bool finished = false;
        std::conditional_t<std::is_void_v<T>, std::monostate, std::optional<T>> value;
    };
    auto state = std::make_shared<State>();
    Loop* home = &this_loop();
    const bool posted = target.post([state, home, work = std::move(work)]() mutable {
        auto answer = [&] {
            if constexpr (std::is_void_v<T>) {
                work();
                return std::monostate{};
            } else {
                return work();
            }
        }();
        home->post([state = std::move(state), answer = std::move(answer)]() mutable {
            state->value = std::move(answer);
            state->finished = true;
            state->done.notify_all();
        });
    });
    if (!posted) co_return base::fail(base::Code::unavailable, "the core's mailbox is full");
    if (!state->finished) {
        const Wake wake = co_await state->done.wait(wait);
        if (wake != Wake::ready) co_return base::fail(wake_error(wake, "waiting for another core"));
    }
    if constexpr (std::is_void_v<T>) {
        co_return base::Result<void>{};
    } else {
        co_return std::move(*state->value);
    }
}

}  // namespace tl::rt
