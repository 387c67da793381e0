// What the control core makes and all data cores read: an immutable value behind a version number. A core asks for the
// version with each request (one atomic load) and takes the value anew only when it has changed, so that a change, such
// as a revoked key, is seen by the next request of every core and nothing is counted or locked in between.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

namespace tl::gateway {

template <class T>
class Published {
  public:
    // Control core.
    void publish(std::shared_ptr<const T> value) {
        value_.store(std::move(value));
        version_.fetch_add(1, std::memory_order_release);
    }
    // Any core. The value may be newer than a version that was read before it, never older.
    [[nodiscard]] uint64_t version() const { return version_.load(std::memory_order_acquire); }
    [[nodiscard]] std::shared_ptr<const T> take() const { return value_.load(); }

  private:
    std::atomic<std::shared_ptr<const T>> value_;
    std::atomic<uint64_t> version_{0};
};

// One core's view of it.
template <class T>
class View {
  public:
    // True when there is another value than the last time.
    bool refresh(const Published<T>& from) {
        const uint64_t version = from.version();
        if (version == version_) return false;
        version_ = version;
        value_ = from.take();
        return true;
    }
    [[nodiscard]] const T* get() const { return value_.get(); }  // nullptr: nothing was published yet
    [[nodiscard]] uint64_t version() const { return version_; }

  private:
    std::shared_ptr<const T> value_;
    uint64_t version_ = 0;
};

}  // namespace tl::gateway
