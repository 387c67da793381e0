// The guard process: outlives a kill -9 of Trunkline by a moment, in which it kills every process of the run (those
// with TRUNKLINE_RUN=<run id> in their environment), removes the run's cgroups and sockets, and exits. Its body makes
// plain system calls only, for a restart forks it out of a program with threads. Owned by main.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "rt/task.h"
#include "rt/waiter.h"

namespace tl::supervisor {

struct GuardSpec {
    std::string run_id;
    std::string state_dir;             // its *.sock are removed
    std::vector<std::string> cgroups;  // see Cgroups::homes()
};

class Guard {
  public:
    Guard() = default;
    // Lets the guard go in peace if clean_exit() was called, otherwise it does its work.
    ~Guard();
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

    // Forks the guard. Call it in main before threads are started.
    [[nodiscard]] base::Result<void> start(GuardSpec spec);
    // One that the program before this one has started, in this process: its pid and the pipe's write end.
    void take_over(GuardSpec spec, pid_t pid, int pipe);
    // Starts it again whenever it dies, until the wait is over. Awaited in a gate of main's loop; the Guard outlives
    // it.
    [[nodiscard]] rt::Task<void> watch(rt::Wait wait);
    // All services have been stopped: the guard exits without touching anything. Waits for it, 1 s at most.
    void clean_exit();
    [[nodiscard]] pid_t pid() const { return pid_; }
    [[nodiscard]] int pipe() const { return pipe_; }

  private:
    GuardSpec spec_;
    pid_t pid_ = -1;
    int pipe_ = -1;  // write end; only this process has it
};

// Guard::start with a fresh object.
[[nodiscard]] base::Result<std::unique_ptr<Guard>> start_guard(GuardSpec spec);

}  // namespace tl::supervisor
