#include "rt/gate.h"

#include <cstdlib>
#include <exception>

#include "base/log.h"
#include "rt/root.h"

namespace tl::rt {

void RootPromise::enlist() { this_loop().roots_.push_back(*this); }

namespace {

Root run_root(Gate& gate, const char* name, Task<void> task, std::move_only_function<void()> after) {
    try {
        co_await std::move(task);
    } catch (const std::exception& error) {
        TL_LOG(error, "rt", "task '{}' ended with an exception: {}", name, error.what());
    } catch (...) {
        TL_LOG(error, "rt", "task '{}' ended with an exception of an unknown kind", name);
    }
    if (after) after();
    gate.on_end();
}

}  // namespace

Gate::~Gate() {
    if (count_ != 0) {
        TL_LOG(error, "rt", "a gate died with {} tasks still inside", count_);
        std::abort();
    }
}

bool Gate::spawn(const char* name, Task<void> task) { return spawn(name, std::move(task), nullptr); }

bool Gate::spawn(const char* name, Task<void> task, std::move_only_function<void()> after) {
    if (closed_) return false;
    ++count_;
    run_root(*this, name, std::move(task), std::move(after));
    return true;
}

void Gate::on_end() {
    if (--count_ == 0) idle_.notify_all();
}

Task<Wake> Gate::closed(Wait wait) {
    closed_ = true;
    if (count_ == 0) co_return Wake::ready;
    const Wake wake = co_await idle_.wait(wait);
    co_return wake;
}

}  // namespace tl::rt
