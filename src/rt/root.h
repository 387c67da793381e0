// The coroutine at the bottom of every spawned task: starts at once, destroys itself at its end, and stands in its
// loop's list of roots so that a stack dump can begin there. Made by Gate only.
#pragma once

#include "rt/list.h"
#include "rt/task.h"

namespace tl::rt {

class Gate;

class RootPromise;

struct Root {
    using promise_type = RootPromise;
};

class RootPromise final : public PromiseBase, public ListNode<RootPromise> {
  public:
    // The coroutine's arguments arrive here first.
    template <class... Rest>
    explicit RootPromise(Gate& /*gate*/, const char* name, Rest&... /*rest*/) : name_(name) {
        enlist();
    }
    Root get_return_object() noexcept { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() noexcept {}

    [[nodiscard]] const char* name() const { return name_; }

  private:
    void enlist();
    const char* name_;
};

}  // namespace tl::rt
