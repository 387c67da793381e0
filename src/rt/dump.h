// The async stack dump: who waits for whom, and at which line. Printed for every loop on SIGQUIT; a loop that does not
// answer in time is busy or stuck, and that is said too.
#pragma once

#include <string>

#include "rt/loop.h"

namespace tl::rt {

// A block a root task ("name", then a line a frame from the outermost to the leaf), at most `most` tasks.
// From the loop's own thread.
[[nodiscard]] std::string dump_tasks(const Loop& loop, size_t most = 200);

}  // namespace tl::rt
