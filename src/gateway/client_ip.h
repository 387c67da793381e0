// An address as the text that services, rules and logs see: without the port. Plain function.
#pragma once

#include <string_view>

#include "base/arena.h"
#include "net/address.h"

namespace tl::gateway {

// In the arena; "unknown" on a Unix socket (RFC 7239 6).
[[nodiscard]] std::string_view ip_text(const net::Address& address, base::Arena& arena);

}  // namespace tl::gateway
