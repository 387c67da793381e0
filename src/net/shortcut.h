// For whom a TCP connection over loopback may be joined past TCP (sockmap/joiner.h). A plain value; the joiner outlives
// every stream. Without one: TCP, as ever.
#pragma once

#include <cstdint>

namespace tl::sockmap {
class Joiner;
}

namespace tl::net {

struct Shortcut {
    const sockmap::Joiner* joiner = nullptr;
    uint32_t group = 0;  // Joiner::group
    bool operator==(const Shortcut&) const = default;
};

}  // namespace tl::net
