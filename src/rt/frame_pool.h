// Memory for coroutine frames: free lists by size of the calling thread, so that a warm request allocates nothing.
// Bounded (at most 256 frames a size are kept). A frame may be freed on another thread than it was made on.
#pragma once

#include <cstddef>

namespace tl::rt {

[[nodiscard]] void* allocate_frame(size_t bytes);
void free_frame(void* frame, size_t bytes) noexcept;

}  // namespace tl::rt
