// What a change of the manifest means for what runs: pure. Used by Supervisor::apply and by `trunkline plan`, so that
// what is printed is what would be done.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "supervisor/config.h"

namespace tl::supervisor {

enum class Action : uint8_t { add, remove, restart, scale, keep };
[[nodiscard]] std::string_view to_string(Action action);

struct Step {
    std::string service;
    Action action = Action::keep;
    std::string why;  // "env and limits changed"; for keep: "" or what takes effect without a restart
};

// A step for every service of either, in order of `next`, removed ones last.
[[nodiscard]] std::vector<Step> plan(const std::vector<ServiceSpec>& now, const std::vector<ServiceSpec>& next);

}  // namespace tl::supervisor
