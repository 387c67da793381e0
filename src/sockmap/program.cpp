#include "sockmap/program.h"

// TL_JOIN_OBJECT: the object file, from CMakeLists.txt. libbpf wants it on a boundary of 8 bytes.
asm(R"(
    .pushsection .rodata
    .balign 8
tl_join_object:
    .incbin ")" TL_JOIN_OBJECT R"("
tl_join_object_end:
    .popsection
)");

extern "C" {
extern const char tl_join_object[];
extern const char tl_join_object_end[];
}

namespace tl::sockmap {

std::span<const char> join_program() { return {tl_join_object, tl_join_object_end}; }

}  // namespace tl::sockmap
