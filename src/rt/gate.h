// The only way to let work run by itself. A service owns one gate; its end is: cancel, close listeners, close the gate,
// await closed(). Spawned tasks take everything that they need by value. A task that ends in an exception is logged and
// does not touch the others. One core.
#pragma once

#include <functional>
#include <string_view>

#include "rt/event.h"
#include "rt/list.h"
#include "rt/loop.h"
#include "rt/task.h"

namespace tl::rt {

class Gate {
  public:
    Gate() = default;
    // All tasks must have ended: aborts otherwise, for they would outlive what they use.
    ~Gate();
    Gate(const Gate&) = delete;
    Gate& operator=(const Gate&) = delete;

    // Starts `task` now, on this core, inside the call until it first waits. `name` (a literal) shows in the stack
    // dump. False when the gate is closed: the task is dropped unstarted.
    bool spawn(const char* name, Task<void> task);
    // The same; `after` runs when the task's frame is gone.
    bool spawn(const char* name, Task<void> task, std::move_only_function<void()> after);

    void close() { closed_ = true; }
    [[nodiscard]] bool is_closed() const { return closed_; }
    [[nodiscard]] size_t count() const { return count_; }
    // Closes, then waits until every task has ended (or the wait is over; then they still run).
    [[nodiscard]] Task<Wake> closed(Wait wait = {});

    // One task of this gate has ended; for the root coroutine.
    void on_end();

  private:
    size_t count_ = 0;
    bool closed_ = false;
    Signal idle_;
};

}  // namespace tl::rt
