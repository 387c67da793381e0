#include "rt/core.h"

#include <pthread.h>

#include <future>

namespace tl::rt {

Core::Core(std::string name) : name_(std::move(name)), loop_(std::make_unique<Loop>()) {
    std::promise<void> running;
    std::future<void> started = running.get_future();
    thread_ = std::thread([this, running = std::move(running)]() mutable {
        pthread_setname_np(pthread_self(), name_.substr(0, 15).c_str());
        loop_->post([&running] { running.set_value(); });
        loop_->run();
    });
    started.wait();
}

Core::~Core() {
    // A full mailbox empties while the loop turns; without the message the join below would never end.
    while (!loop_->post([this] { loop_->stop(); })) std::this_thread::yield();
    thread_.join();
}

}  // namespace tl::rt
