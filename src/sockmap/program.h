// The program for the kernel that the build has made of join.bpf.c, as bytes of this binary.
#pragma once

#include <span>

namespace tl::sockmap {

[[nodiscard]] std::span<const char> join_program();

}  // namespace tl::sockmap
