#include "gateway/auth/password_worker.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <new>

#include "net/password.h"
#include "rt/loop.h"

namespace tl::gateway {

using namespace std::chrono_literals;

namespace {

constexpr base::Duration kLookAgain = 5ms;  // a hash takes ten times as long at least

}  // namespace

PasswordWorker::~PasswordWorker() {
    ending_.store(true);
    put_in_.fetch_add(1);
    put_in_.notify_all();
    if (thread_.joinable() && process_.load() == ::getpid()) thread_.join();
    // The thread of another process is not ours to join: what is left of it must only not be looked at.
    if (thread_.joinable()) new (&thread_) std::thread{};
}

rt::Task<PasswordWorker::Answer> PasswordWorker::compare(std::string password, std::string hash, rt::Wait wait) {
    Job* const job = put(std::move(password), std::move(hash));
    if (job == nullptr) co_return Answer::busy;
    for (;;) {
        ensure_thread();
        State state = job->state.load(std::memory_order_acquire);
        const bool done = state == State::right || state == State::wrong;
        if (done) {
            clear(*job);
            co_return state == State::right ? Answer::right : Answer::wrong;
        }
        const bool over =
            rt::this_loop().now() >= wait.deadline || (wait.cancel != nullptr && wait.cancel->requested());
        if (over && state == State::taken && job->state.compare_exchange_strong(state, State::abandoned)) break;
        if (over && state == State::waiting && job->state.compare_exchange_strong(state, State::filling)) {
            clear(*job);
            break;
        }
        // When it is over and the state has changed meanwhile, the next look tells how.
        if (!over) co_await rt::sleep(kLookAgain, wait.cancel);
    }
    co_return Answer::busy;
}

PasswordWorker::Job* PasswordWorker::put(std::string password, std::string hash) {
    for (Job& job : jobs_) {
        State empty = State::empty;
        if (!job.state.compare_exchange_strong(empty, State::filling)) continue;
        job.password = std::move(password);
        job.hash = std::move(hash);
        job.state.store(State::waiting, std::memory_order_release);
        put_in_.fetch_add(1, std::memory_order_release);
        put_in_.notify_one();
        return &job;
    }
    return nullptr;
}

void PasswordWorker::clear(Job& job) {
    job.password.assign(job.password.size(), '\0');
    job.password.clear();
    job.hash.clear();
    job.state.store(State::empty, std::memory_order_release);
}

// The first core that finds no thread of this process begins it.
void PasswordWorker::ensure_thread() {
    const pid_t now = ::getpid();
    pid_t before = process_.load(std::memory_order_acquire);
    if (before == now || !process_.compare_exchange_strong(before, now)) return;
    for (Job& job : jobs_) {
        State taken = State::taken;
        job.state.compare_exchange_strong(taken, State::waiting);
        if (taken == State::abandoned) clear(job);
    }
    if (thread_.joinable()) new (&thread_) std::thread{};
    thread_ = std::thread{[this] { work(); }};
}

void PasswordWorker::work() {
    ::prctl(PR_SET_NAME, "passwords");
    sigset_t all;
    sigfillset(&all);
    ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
    // Requests go first: of this thread alone, for in Linux a niceness belongs to a thread.
    ::setpriority(PRIO_PROCESS, 0, 10);
    while (!ending_.load(std::memory_order_acquire)) {
        const uint32_t seen = put_in_.load(std::memory_order_acquire);
        if (!work_once()) put_in_.wait(seen, std::memory_order_acquire);
    }
}

bool PasswordWorker::work_once() {
    bool found = false;
    for (Job& job : jobs_) {
        State state = State::waiting;
        if (ending_.load(std::memory_order_acquire) || !job.state.compare_exchange_strong(state, State::taken))
            continue;
        found = true;
        const State answer = net::password_matches(job.password, job.hash) ? State::right : State::wrong;
        State taken = State::taken;
        if (!job.state.compare_exchange_strong(taken, answer)) clear(job);  // nobody waits for it any more
    }
    return found;
}

}  // namespace tl::gateway
