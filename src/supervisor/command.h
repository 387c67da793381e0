// How a service's command is given to the shell. Pure.
#pragma once

#include <string>
#include <string_view>

namespace tl::supervisor {

// `run` for /bin/sh -c. A simple command is run by `exec`, so that the shell does not stay between us and the service:
// the process that we signal and count is then the service itself. Anything with a list, a pipe, a subshell, a shell
// word or a leading assignment stays as it is.
[[nodiscard]] std::string shell_command(std::string_view run);

}  // namespace tl::supervisor
