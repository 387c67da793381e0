// The program of before an upgrade, while it finishes the connections that it had: a fork of this process, made before
// the next program took its place (decision 0010). Here is how it lives, and how the next program looks after it.
#pragma once

#include <optional>
#include <string>

#include "app/access_writer.h"
#include "app/data_plane.h"
#include "rt/event.h"
#include "rt/process.h"

namespace tl::app {

// In the fork. Owns nothing: all of it is the memory of the process that was forked, whose control loop never runs
// again.
struct FormerLife {
    DataPlane* plane = nullptr;  // paused
    AccessWriter* access = nullptr;
    pid_t parent = -1;
    int go = -1;    // ends when the next program has begun; a byte says that it has not
    int link = -1;  // to the next program
    base::Duration grace{0};
    std::vector<int> kept;  // descriptors that open connections need besides the cores' own
};
// Drains the cores, writes their last access records, and exits. Dies with its parent.
[[noreturn]] void live_as_former(const FormerLife& life);

// In the next program, on its control loop: knows how far the former one is, and can hurry it.
class FormerProgram {
  public:
    FormerProgram() = default;
    ~FormerProgram();
    FormerProgram(const FormerProgram&) = delete;
    FormerProgram& operator=(const FormerProgram&) = delete;

    // Takes over the child and the link.
    [[nodiscard]] base::Result<void> start(pid_t pid, int link, base::Duration grace);
    // Until it has ended. Once, in a gate.
    [[nodiscard]] rt::Task<void> watch(rt::Wait wait);

    [[nodiscard]] bool active() const { return process_.has_value() && !over_.is_set(); }
    [[nodiscard]] rt::Event& over() { return over_; }
    // "process 17 still finishes 3 connections of before the upgrade, 8s at most"
    [[nodiscard]] std::string in_words() const;
    // Its connections have until then, and no longer than before.
    void end_by(base::TimePoint deadline);

  private:
    void take_report(std::string_view words);

    std::optional<rt::Process> process_;
    int link_ = -1;
    base::TimePoint deadline_;
    size_t connections_ = 0;
    bool told_ = false;  // connections_ is known
    rt::Event over_;
};

}  // namespace tl::app
