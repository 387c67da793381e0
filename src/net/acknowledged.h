// How much of what was written to a TCP connection the other end has acknowledged. Plain function.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

namespace tl::net {

// Bytes of data, without the SYN; nullopt for other sockets. Works on a connection that has broken, too.
[[nodiscard]] std::optional<uint64_t> acknowledged_bytes(int fd);

// Bytes that were written and that the other end has not acknowledged yet; 0 when it cannot be known.
[[nodiscard]] size_t unacknowledged_bytes(int fd);

}  // namespace tl::net
