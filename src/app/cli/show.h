// What the commands print of the views: texts for people. Plain functions; no I/O.
#pragma once

#include <string>
#include <vector>

#include "console/views.h"

namespace tl::app {

// Time passes between the answer and the drawing; `now` is the clock of whoever draws.
[[nodiscard]] std::string show_status(const console::StatusView& status, base::WallTime now, bool colour);
[[nodiscard]] std::string show_services(const std::vector<console::ServiceView>& services, base::WallTime now,
                                        bool colour);
[[nodiscard]] std::string show_routes(const std::vector<console::RouteView>& routes, bool colour);
[[nodiscard]] std::string show_plan(const console::PlanView& plan, bool applied, bool colour);
[[nodiscard]] std::string show_log_line(const console::LogLine& line, size_t name_width, bool colour);
[[nodiscard]] std::string show_progress(const console::ProgressLine& line, bool colour);

}  // namespace tl::app
