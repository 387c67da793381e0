// One instance of a service: its process, restarted when it ends by itself, its state, its output, its end. Owned by
// its Service; whoever awaits one of its tasks holds a shared_ptr meanwhile. run() is spawned once and ends after
// stop(), or when a successor fails before it was healthy. Control loop only.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "rt/event.h"
#include "rt/gate.h"
#include "rt/process.h"
#include "supervisor/backoff.h"
#include "supervisor/capture.h"
#include "supervisor/config.h"
#include "supervisor/estate.h"
#include "supervisor/status.h"
#include "supervisor/workshop.h"

namespace tl::supervisor {

// What happens when it ends before it was ever healthy.
enum class Trust : uint8_t {
    regular,    // it is started again, and again
    successor,  // given up: it was to replace one that works
};

class Instance {
  public:
    Instance(Workshop& shop, std::shared_ptr<const ServiceSpec> spec, std::string id, Trust trust);

    [[nodiscard]] rt::Task<void> run();
    // Resumes when it has been healthy once. Errors: why it ended, or that it did not become healthy in time, both with
    // its last lines; those of the wait.
    [[nodiscard]] rt::Task<base::Result<void>> wait_ready(rt::Wait wait);
    // Drained, SIGTERM to the group, grace, SIGKILL to the group, reaped; over by `deadline` or shortly after. May be
    // called again while it works, with an earlier deadline.
    [[nodiscard]] rt::Task<void> stop(std::string reason, base::TimePoint deadline);

    // What it leaves to the same instance of the next program; and there, before run(), goes on with it: the process
    // runs on, or the wait for the next start does. The descriptors stay open here, for the fork or exec to share.
    [[nodiscard]] InstanceEstate estate() const;
    [[nodiscard]] base::Result<void> take_over(const InstanceEstate& estate);

    // Takes over grace, deadlines and restart rules, which need no restart.
    void adopt_handling(const RunConfig& config);
    [[nodiscard]] const std::string& id() const { return id_; }
    [[nodiscard]] bool is_running() const { return state_ == InstanceState::running; }
    [[nodiscard]] InstanceStatus status(bool with_usage) const;

  private:
    // One start of its process; ends before the next begins.
    struct Run {
        explicit Run(rt::Process started) : process(std::move(started)) {}
        rt::Process process;
        std::optional<CgroupCell> cell;
        uint16_t port = 0;
        base::TimePoint since = base::steady_now();
        CapturedStream out;
        CapturedStream err;
        rt::Cancel gone;        // the process has ended
        rt::Cancel output_end;  // nobody waits for more output
        rt::Gate tasks;         // watches its health, reads its output
    };

    [[nodiscard]] rt::Task<void> run_once();
    [[nodiscard]] base::Result<std::unique_ptr<Run>> begin();
    void start_tasks();
    [[nodiscard]] rt::Task<void> watch_health();
    [[nodiscard]] rt::Task<void> finish(rt::ExitStatus exit);
    [[nodiscard]] rt::Task<void> end_group();
    [[nodiscard]] rt::Task<void> remove_cell(CgroupCell cell);
    [[nodiscard]] bool start();
    void begin_back_off();
    [[nodiscard]] rt::Task<void> wait_for_start();
    void kill_now();

    [[nodiscard]] std::optional<CgroupCell> make_cell();
    [[nodiscard]] base::Error failure() const;
    [[nodiscard]] std::string last_lines(size_t most) const;
    void set_state(InstanceState state);
    void notice(std::string_view text);

    Workshop& shop_;
    std::shared_ptr<const ServiceSpec> spec_;
    std::string id_;
    Trust trust_;
    InstanceState state_ = InstanceState::starting;
    base::WallTime since_ = base::wall_now();
    std::unique_ptr<Run> run_;
    Backoff backoff_;
    uint32_t restarts_ = 0;
    uint32_t starts_ = 0;
    std::string last_exit_;
    base::Duration last_uptime_{0};
    base::TimePoint next_start_ = base::kNever;
    std::string limits_;

    bool was_ready_ = false;
    bool stopping_ = false;
    bool ended_ = false;
    std::string stop_reason_;
    base::TimePoint kill_at_ = base::kNever;  // set with SIGTERM
    rt::Cancel stop_;                         // ends a wait for the next start
    rt::Signal changed_;                      // ready or ended
};

}  // namespace tl::supervisor
