#include "supervisor/command.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace tl::supervisor {

namespace {

constexpr std::array<std::string_view, 27> kShellWords{"!",     ".",      ":",     "[",     "{",      "alias", "case",
                                                       "cd",    "eval",   "exec",  "exit",  "export", "for",   "if",
                                                       "local", "read",   "set",   "shift", "test",   "time",  "trap",
                                                       "true",  "ulimit", "umask", "unset", "until",  "while"};

}  // namespace

std::string shell_command(std::string_view run) {
    const std::string_view command = base::trim(run);
    const std::string_view first = command.substr(0, command.find_first_of(" \t"));
    const bool list = command.find_first_of(";&|()`\n") != std::string_view::npos;
    const bool word = std::ranges::find(kShellWords, first) != kShellWords.end();
    const bool assignment = first.find('=') != std::string_view::npos && !first.starts_with('$');
    if (list || word || assignment || command.empty()) return std::string{run};
    return "exec " + std::string{command};
}

}  // namespace tl::supervisor
