#include "rt/core.h"

#include <pthread.h>

#include <future>

namespace tl::rt {

Core::Core(std::string name) : name_(std::move(name)), loop_(std::make_unique<Loop>()) {
    std::promise<void> running;
    std::future<void> started = running.get_future();
    loop_->post([&running] { running.set_value(); });
    thread_ = std::thread([this] { run_thread(); });
    started.wait();
}

Core::~Core() {
    leaving_ = true;
    released_.release();
    // A full mailbox empties while the loop turns; without the message the join below would never end.
    while (thread_.joinable() && !loop_->post([this] { loop_->stop(); })) std::this_thread::yield();
    if (thread_.joinable()) thread_.join();
}

void Core::run_thread() {
    pthread_setname_np(pthread_self(), name_.substr(0, 15).c_str());
    while (!leaving_) {
        loop_->run();
        parked_.release();
        released_.acquire();
    }
}

bool Core::park(base::TimePoint deadline) {
    enum class Ask : uint8_t { waits, taken, given_up };
    auto ask = std::make_shared<std::atomic<Ask>>(Ask::waits);
    const bool posted = loop_->post([this, ask] {
        Ask expected = Ask::waits;
        if (ask->compare_exchange_strong(expected, Ask::taken)) loop_->stop();
    });
    if (!posted) return false;
    if (!parked_.try_acquire_until(deadline)) {
        Ask expected = Ask::waits;
        if (ask->compare_exchange_strong(expected, Ask::given_up)) return false;
        parked_.acquire();  // it stops in this very turn
    }
    is_parked_ = true;
    return true;
}

void Core::leave() {
    leaving_ = true;
    released_.release();
    thread_.join();
    leaving_ = false;
}

void Core::go_on() {
    if (!std::exchange(is_parked_, false)) return;
    if (thread_.joinable()) {
        released_.release();
    } else {
        thread_ = std::thread([this] { run_thread(); });
    }
}

}  // namespace tl::rt
