#include "supervisor/command.h"

#include <gtest/gtest.h>

namespace tl::supervisor {

TEST(ShellCommand, a_simple_command_replaces_the_shell) {
    EXPECT_EQ(shell_command("python3 services/orders.py --port $PORT"), "exec python3 services/orders.py --port $PORT");
    EXPECT_EQ(shell_command("${BIN:-build=1/bin}/serve > log"), "exec ${BIN:-build=1/bin}/serve > log");
}

TEST(ShellCommand, what_needs_the_shell_keeps_it) {
    for (const char* run : {"cd x && ./serve", "a; b", "a | b", "(a)", "A=1 ./serve", "exec ./serve",
                            "while :; do x; done", "./serve &", "echo `id`", "true", "a\nb", ""}) {
        EXPECT_EQ(shell_command(run), run);
    }
}

}  // namespace tl::supervisor
