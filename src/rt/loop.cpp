#include "rt/loop.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <string>
#include <system_error>

#include "rt/gate.h"
#include "rt/io.h"
#include "rt/root.h"

namespace tl::rt {

namespace {

constexpr size_t kEventsPerTurn = 256;
thread_local Loop* t_loop = nullptr;

int checked(int fd, const char* what) {
    if (fd < 0) throw std::system_error(errno, std::generic_category(), what);
    return fd;
}

}  // namespace

Loop& this_loop() {
    if (t_loop == nullptr) std::abort();
    return *t_loop;
}

Loop::Loop()
    : epoll_(checked(epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
      event_(checked(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")),
      now_(base::steady_now()),
      timers_(now_),
      random_(base::Random::from_kernel()),
      events_(kEventsPerTurn) {
    epoll_event event{.events = EPOLLIN | EPOLLET, .data = {.ptr = nullptr}};
    checked(epoll_ctl(epoll_, EPOLL_CTL_ADD, event_, &event), "epoll_ctl");
}

Loop::~Loop() {
    ::close(event_);
    ::close(epoll_);
}

bool Loop::in_loop_thread() const { return t_loop == this; }

void Loop::run() {
    Loop* outer = std::exchange(t_loop, this);
    stopping_ = false;
    while (!stopping_) turn();
    t_loop = outer;
}

void Loop::run_until_done(Task<void> task) {
    Loop* outer = std::exchange(t_loop, this);
    Gate gate;
    bool done = false;
    gate.spawn("main", std::move(task), [&done] { done = true; });
    while (!done) turn();
    t_loop = outer;
}

void Loop::turn() {
    const int count = epoll_wait(epoll_, events_.data(), static_cast<int>(events_.size()), poll_timeout());
    now_ = base::steady_now();
    ++turns_;
    if (count > 0) dispatch(count);
    let_go_held();
    timers_.advance(now_);
    if (mailbox_signalled_.load(std::memory_order_acquire)) run_messages();
    run_ready();
}

int Loop::poll_timeout() const {
    if (stopping_ || !ready_.empty() || !held_.empty()) return 0;
    const base::Duration wait = timers_.until_next(now_);
    if (wait == base::Duration::max()) return -1;
    const auto millis = (wait.count() + 999'999) / 1'000'000;
    return static_cast<int>(std::min<int64_t>(millis, 60'000));
}

// Only flags are set and waiters queued here: nothing runs, so nothing that a later event points to can die.
void Loop::dispatch(int count) {
    for (int i = 0; i < count; ++i) {
        const epoll_event& event = events_[static_cast<size_t>(i)];
        if (event.data.ptr == nullptr) {
            continue;  // mail: every write is an edge of its own, so the counter need not be read
        }
        static_cast<Readiness*>(event.data.ptr)->on_events(event.events);
    }
}

void Loop::let_go_held() {
    while (HeldLink* link = held_.pop_front()) link->owner->tell(EPOLLIN);
}

void Loop::run_ready() {
    // One batch: what becomes ready meanwhile waits for the next turn, so that I/O is never starved.
    List<Waiter::ReadyLink> batch;
    batch.splice_back(ready_);
    while (Waiter::ReadyLink* link = batch.pop_front()) {
        Waiter& waiter = *link->owner;
        waiter.handle_.resume();
    }
}

bool Loop::post(Message message) {
    {
        const std::lock_guard lock(mailbox_mutex_);
        if (mailbox_.size() >= kMostMessages) return false;
        mailbox_.push_back(std::move(message));
    }
    if (!mailbox_signalled_.exchange(true, std::memory_order_acq_rel)) {
        const uint64_t one = 1;
        [[maybe_unused]] const auto written = ::write(event_, &one, sizeof one);
    }
    return true;
}

void Loop::run_messages() {
    mailbox_signalled_.store(false, std::memory_order_release);
    std::vector<Message> batch;
    {
        const std::lock_guard lock(mailbox_mutex_);
        batch.swap(mailbox_);
    }
    for (Message& message : batch) message();
}

std::vector<int> Loop::descriptors() const {
    std::vector<int> all{epoll_, event_};
    std::ifstream watched{"/proc/self/fdinfo/" + std::to_string(epoll_)};
    // A line a descriptor: "tfd:       12 events: ..."
    for (std::string line; std::getline(watched, line);) {
        if (line.starts_with("tfd:")) all.push_back(std::atoi(line.c_str() + 4));
    }
    return all;
}

void Loop::for_each_root(const std::function<void(const RootPromise&)>& visit) const { roots_.for_each(visit); }

// ---- Waiter

base::Error wake_error(Wake wake, std::string_view what) {
    const bool timeout = wake == Wake::timeout;
    std::string context{what};
    context += timeout ? ": the deadline passed" : ": cancelled";
    return base::Error{.code = timeout ? base::Code::timeout : base::Code::cancelled, .context = std::move(context)};
}

Waiter::~Waiter() {
    Timer::unlink();
    CancelHook::unlink();
    ready_.unlink();
}

void Waiter::suspend(std::coroutine_handle<> handle, const Wait& wait) {
    handle_ = handle;
    waiting_ = true;
    if (wait.cancel != nullptr) {
        if (wait.cancel->requested()) return wake(Wake::cancelled);
        wait.cancel->watch(*this);
    }
    if (wait.deadline == base::kNever) return;
    Loop& loop = this_loop();
    if (wait.deadline <= loop.now()) return wake(Wake::timeout);
    loop.arm(*this, wait.deadline);
}

void Waiter::wake(Wake why) {
    if (!waiting_) return;
    waiting_ = false;
    result_ = why;
    Timer::unlink();
    CancelHook::unlink();
    ready_.owner = this;
    this_loop().ready_.push_back(ready_);
}

}  // namespace tl::rt
