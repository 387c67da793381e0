// Task<T>: a lazy coroutine. It starts when it is awaited, is awaited once, moves but does not copy, and resumes its
// awaiter by symmetric transfer. Every promise knows the child that it waits for and the line where it waits, so that
// rt/dump.h can print who waits for whom. A Task lives on one core and is ended by its awaiter (or by the Gate that it
// was spawned into). Nothing here detaches work: that is Gate::spawn.
#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <source_location>
#include <utility>

#include "rt/frame_pool.h"

namespace tl::rt {

template <class T>
class Task;

class PromiseBase {
  public:
    static void* operator new(size_t bytes) { return allocate_frame(bytes); }
    static void operator delete(void* frame, size_t bytes) { free_frame(frame, bytes); }

    std::suspend_always initial_suspend() noexcept { return {}; }
    void unhandled_exception() noexcept { exception_ = std::current_exception(); }

    // Each co_await passes here and leaves its line behind.
    template <class Awaitable>
    Awaitable&& await_transform(Awaitable&& awaitable,
                                std::source_location here = std::source_location::current()) noexcept {
        where_ = here;
        return static_cast<Awaitable&&>(awaitable);
    }
    template <class T>
    auto await_transform(Task<T>&& task, std::source_location here = std::source_location::current()) noexcept;

    // For the stack dump: the task that this one awaits, nullptr at a leaf; and the line.
    [[nodiscard]] const PromiseBase* child() const { return child_; }
    [[nodiscard]] const std::source_location& where() const { return where_; }

  protected:
    struct FinalAwaiter {
        bool await_ready() noexcept { return false; }
        template <class Promise>
        std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> done) noexcept {
            return done.promise().continuation_;
        }
        void await_resume() noexcept {}
    };

    template <class>
    friend class TaskAwaiter;

    std::coroutine_handle<> continuation_ = std::noop_coroutine();
    PromiseBase* child_ = nullptr;
    std::source_location where_;
    std::exception_ptr exception_;
};

template <class T>
class Promise final : public PromiseBase {
  public:
    Task<T> get_return_object() noexcept;
    FinalAwaiter final_suspend() noexcept { return {}; }
    template <class U>
    void return_value(U&& value) {
        value_.emplace(std::forward<U>(value));
    }
    T take() {
        if (exception_) std::rethrow_exception(exception_);
        return std::move(*value_);
    }

  private:
    std::optional<T> value_;
};

template <>
class Promise<void> final : public PromiseBase {
  public:
    Task<void> get_return_object() noexcept;
    FinalAwaiter final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    void take() {
        if (exception_) std::rethrow_exception(exception_);
    }
};

template <class T = void>
class [[nodiscard]] Task {
  public:
    using promise_type = Promise<T>;
    using Handle = std::coroutine_handle<promise_type>;

    Task() = default;
    explicit Task(Handle handle) : handle_(handle) {}
    Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    Task& operator=(Task&& other) noexcept {
        std::swap(handle_, other.handle_);
        return *this;
    }
    ~Task() {
        if (handle_) handle_.destroy();
    }
    [[nodiscard]] explicit operator bool() const { return handle_ != nullptr; }
    [[nodiscard]] Handle handle() const { return handle_; }

  private:
    Handle handle_;
};

template <class T>
class TaskAwaiter {
  public:
    TaskAwaiter(Task<T>&& task, PromiseBase& parent) : task_(std::move(task)), parent_(&parent) {}
    bool await_ready() noexcept { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> parent) noexcept {
        auto& promise = task_.handle().promise();
        promise.continuation_ = parent;
        parent_->child_ = &promise;
        return task_.handle();
    }
    T await_resume() {
        parent_->child_ = nullptr;
        return task_.handle().promise().take();
    }

  private:
    Task<T> task_;
    PromiseBase* parent_;
};

template <class T>
auto PromiseBase::await_transform(Task<T>&& task, std::source_location here) noexcept {
    where_ = here;
    return TaskAwaiter<T>{std::move(task), *this};
}

template <class T>
Task<T> Promise<T>::get_return_object() noexcept {
    return Task<T>{std::coroutine_handle<Promise<T>>::from_promise(*this)};
}

inline Task<void> Promise<void>::get_return_object() noexcept {
    return Task<void>{std::coroutine_handle<Promise<void>>::from_promise(*this)};
}

}  // namespace tl::rt
