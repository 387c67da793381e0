// Removing what a run left behind. Async-signal-safe, every function: fixed buffers and system calls only, because the
// guard may be forked out of a program with threads. May block for seconds: for the guard and for starting up only.
#pragma once

#include <cstddef>
#include <string_view>

namespace tl::supervisor::sweep {

// Kills (SIGKILL) every process that has the entry `marker` ("NAME=value") in its environment, again and again until
// two looks in a row find none, for 5 s at most. Itself excepted. How many it killed.
size_t kill_marked(std::string_view marker);

// Unlinks the sockets called *.sock in `folder`. How many.
size_t remove_sockets(const char* folder);

// Kills what is in the cgroups directly below `home` and removes them, and `home` with them. How many.
size_t remove_cgroups(const char* home);

}  // namespace tl::supervisor::sweep
