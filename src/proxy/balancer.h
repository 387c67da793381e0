// Who gets the next request. Plain functions over the instances of one set, as one core sees them.
#pragma once

#include <span>

#include "base/random.h"
#include "proxy/instance.h"

namespace tl::proxy {

// Of two taken at random the one with fewer requests in flight (power of two choices, Mitzenmacher 2001).
// nullptr: there is none.
[[nodiscard]] Instance* pick_least_of_two(std::span<Instance* const> instances, base::Random& random);

// For a retry: the one with the fewest requests in flight, leaving out those whose serials are in `tried` unless all
// were. nullptr: there is none.
[[nodiscard]] Instance* pick_untried(std::span<Instance* const> instances, base::Random& random,
                                     std::span<const uint64_t> tried);

// The one with the fewest requests that wait for an answer. nullptr: there is none.
[[nodiscard]] Instance* pick_least_waiting(std::span<Instance* const> instances);

}  // namespace tl::proxy
