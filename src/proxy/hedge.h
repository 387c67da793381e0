// A hedged try (J. Dean, L. A. Barroso, The Tail at Scale, 2013): when the first instance has not answered for a while,
// a second is asked too; the first answer counts, and the other is cancelled. Only for declared routes, whole and
// idempotent requests, and within the retry budget.
#pragma once

#include "proxy/forwarding.h"

namespace tl::proxy {

[[nodiscard]] bool may_hedge(Forwarding& all);
// One try, or two beside each other. The result is that of the one that answered, else of the one that failed last.
[[nodiscard]] rt::Task<base::Result<void>> hedged_try(Forwarding& all, Instance& first);

}  // namespace tl::proxy
