// What ps and top call a process: our helpers are forks of main, and would all be shown as "trunkline up". Linux keeps
// the arguments of a process in its own memory; whoever writes there changes what is shown.
#pragma once

#include <span>

namespace tl::supervisor {

// The bytes of this process's arguments, by /proc/self/stat; empty where that cannot be read. Valid in forks, too.
[[nodiscard]] std::span<char> title_space();

// In a fork: it is called `name` from now on (15 characters at most). System calls and memory only.
void take_title(std::span<char> space, const char* name);

}  // namespace tl::supervisor
