// A small run over connections to ourselves: whether this kernel does what must hold. What it does not do, no
// manifest can turn on. Blocks for some milliseconds; control loop, at the start.
#pragma once

#include "base/error.h"

namespace tl::sockmap {

class Joiner;

[[nodiscard]] base::Result<void> test_kernel(Joiner& joiner);

}  // namespace tl::sockmap
