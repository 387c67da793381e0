// Child processes as something to await. spawn() returns once the program runs, or says which step of starting it
// failed; wait() resumes when it has ended. A child leads a process group of its own, dies with the thread that started
// it (PR_SET_PDEATHSIG), and begins with clean signals and no descriptor of ours but its standard ones. One core; that
// core's thread must live as long as its children are meant to. Not for programs that must outlive us.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "rt/io.h"

namespace tl::rt {

struct ExitStatus {
    int code = 0;    // of exit(); meaningless when a signal ended the process
    int signal = 0;  // 0: it exited

    [[nodiscard]] bool ok() const { return code == 0 && signal == 0; }
    // "exited with 1", "killed by SIGSEGV"
    [[nodiscard]] std::string in_words() const;
};

// "SIGTERM", or "signal 40" for those without a name.
[[nodiscard]] std::string signal_name(int signal);

struct ProcessSpec {
    std::vector<std::string> argv;  // a name without "/" is looked up in the PATH of `env`
    std::vector<std::string> env;   // "NAME=value", complete: nothing is inherited
    std::string cwd;                // "": ours
    bool capture_stdout = false;    // a pipe; otherwise /dev/null, as for standard input
    bool capture_stderr = false;
    bool own_group = true;  // leads a process group of its own; signal(whole group) needs it
    // Files into which the child writes "0" before it starts the program: cgroup.procs.
    std::vector<std::string> join;
};

class Process {
  public:
    // The error names the step and the thing: "start ./serve: the command does not exist". Takes about a millisecond.
    [[nodiscard]] static base::Result<Process> spawn(const ProcessSpec& spec);
    enum class Target : uint8_t { process, group };
    // A child that runs already: the program before this one, in the same process, has started it. `leads` says whether
    // it leads a group of its own. Takes over the read ends of its output (-1: none).
    [[nodiscard]] static base::Result<Process> take_over(pid_t pid, Target leads, int captured_stdout = -1,
                                                         int captured_stderr = -1);
    Process(Process&& other) noexcept;
    Process& operator=(Process&& other) noexcept;
    // Kills what still runs (the group, if it leads one) and reaps it.
    ~Process();

    // How it ended; again and again the same. Errors: Code::timeout, Code::cancelled. One waiter at a time.
    [[nodiscard]] Task<base::Result<ExitStatus>> wait(Wait wait = {});
    [[nodiscard]] bool running();

    // No effect on what has ended already.
    void signal(int number, Target target = Target::group);
    // Whether any process of its group still runs; the leader itself may be gone. Reads /proc when it is.
    [[nodiscard]] bool group_alive() const;

    [[nodiscard]] pid_t pid() const;
    // The read end of the captured stream, non-blocking; the caller owns it from then on. -1: none, or taken.
    [[nodiscard]] int take_stdout();
    [[nodiscard]] int take_stderr();

  private:
    struct State;
    explicit Process(std::unique_ptr<State> state);
    [[nodiscard]] static base::Result<Process> adopt(pid_t pid, bool leads_group);
    std::unique_ptr<State> state_;
};

}  // namespace tl::rt
