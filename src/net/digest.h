// SHA-256 and comparisons that take the same time whatever they find. Any thread.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace tl::net {

using Sha256 = std::array<uint8_t, 32>;
[[nodiscard]] Sha256 sha256(std::string_view bytes);

[[nodiscard]] bool equal_in_constant_time(const Sha256& a, const Sha256& b);

}  // namespace tl::net
