// What a new manifest changes in keys that have no planner of their own: every key that differs, by its path, compared
// on the trees that both manifests print as. Services' commands, addresses and routes are compared elsewhere. Pure.
#pragma once

#include <string>
#include <vector>

#include "app/manifest_model.h"
#include "console/views.h"

namespace tl::app {

// Adds a change for each key that differs, and a warning for those that only the next `trunkline up` looks at.
void compare_settings(const Manifest& now, const Manifest& next, console::PlanView& view);

}  // namespace tl::app
