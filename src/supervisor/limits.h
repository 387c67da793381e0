// CPU and memory limits of instances by cgroup, v2 or v1, where the system lets us; elsewhere the error says why, and
// the instance runs without. A run has one home in each hierarchy, named after it, and a cell in it for each process
// start. Owned by the supervisor.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "supervisor/config.h"

namespace tl::supervisor {

struct CgroupCell {
    std::vector<std::string> folders;
    // Written to by the process that joins (rt::ProcessSpec::join).
    [[nodiscard]] std::vector<std::string> join() const;
};

class Cgroups {
  public:
    // `self` is the text of /proc/self/cgroup. Makes nothing yet.
    Cgroups(const std::string& root, std::string_view self, std::string_view run_id);
    // The same for this process.
    [[nodiscard]] static Cgroups of_this_process(const std::string& root, std::string_view run_id);

    // Folders that exist while the run uses limits, for the guard and for remember_run.
    [[nodiscard]] std::vector<std::string> homes() const;
    // An empty cell with the limits set. The error reads behind "not applied: ".
    [[nodiscard]] base::Result<CgroupCell> make_cell(const std::string& name, const LimitsConfig& limits);
    // Kills what is left in the cell. False while the kernel still holds it: call again a little later.
    static bool remove_cell(const CgroupCell& cell);
    // Once no cell is left.
    void remove_homes();

  private:
    [[nodiscard]] base::Result<std::string> make_v2(const std::string& name, const LimitsConfig& limits);
    [[nodiscard]] base::Result<std::string> make_v1(const std::string& home, const std::string& name);
    [[nodiscard]] base::Result<void> fill_v1(CgroupCell& cell, const std::string& name, const LimitsConfig& limits);

    std::string v2_home_;      // "": not there
    std::string v1_cpu_home_;  // "": not there
    std::string v1_memory_home_;
};

}  // namespace tl::supervisor
