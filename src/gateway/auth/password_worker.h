// The one thread that compares passwords with their hashes, for all cores: what is slow by design must not stand in the
// way of requests. A bounded table of jobs without a lock: a data core puts one in, looks again from time to time, and
// takes the answer. In a fork that finishes former connections (docs/upgrade.md) the thread is gone; the first look
// there begins a new one and gives it what the old one had taken.
#pragma once

#include <sys/types.h>

#include <array>
#include <atomic>
#include <string>
#include <thread>

#include "base/clock.h"
#include "gateway/policies/keeper.h"
#include "rt/task.h"
#include "rt/waiter.h"

namespace tl::gateway {

class PasswordWorker final : public Kept {
  public:
    static constexpr size_t kMostJobs = 64;  // waiting or worked on

    enum class Answer : uint8_t { right, wrong, busy };

    PasswordWorker() = default;
    ~PasswordWorker() override;

    // `busy`: the table is full, or the wait was over first.
    [[nodiscard]] rt::Task<Answer> compare(std::string password, std::string hash, rt::Wait wait);

  private:
    // empty -> filling -> waiting -> taken -> right or wrong -> empty. Who gives up makes of waiting empty, of taken
    // abandoned, which the worker makes empty. Only who made it filling or taken touches the texts.
    enum class State : uint8_t { empty, filling, waiting, taken, right, wrong, abandoned };
    struct Job {
        std::string password;
        std::string hash;
        std::atomic<State> state{State::empty};
    };

    [[nodiscard]] Job* put(std::string password, std::string hash);
    static void clear(Job& job);
    void ensure_thread();
    void work();
    bool work_once();

    std::array<Job, kMostJobs> jobs_;
    std::atomic<uint32_t> put_in_{0};  // jobs so far: what the thread waits for
    std::atomic<bool> ending_{false};
    std::atomic<pid_t> process_{0};  // that the thread belongs to
    std::thread thread_;
};

}  // namespace tl::gateway
