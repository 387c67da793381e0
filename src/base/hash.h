// Hashes that stay the same between processes, machines and versions: SipHash-2-4 (Aumasson and Bernstein, 2012). With
// the key that is nothing, to spread things by their names; with a key that nobody knows, to make a name that cannot be
// traced back. Plain functions, for any thread.
#pragma once

#include <cstdint>
#include <string_view>

namespace tl::base {

struct HashKey {
    uint64_t low = 0;
    uint64_t high = 0;
    bool operator==(const HashKey&) const = default;
};

[[nodiscard]] uint64_t hash(std::string_view text, HashKey key = {});
// A key that nobody knows, from the kernel.
[[nodiscard]] HashKey random_key();

// Another hash from one (the finalizer of MurmurHash3): all bits depend on all bits.
[[nodiscard]] constexpr uint64_t mix(uint64_t value) {
    value ^= value >> 33;
    value *= 0xff51afd7ed558ccdULL;
    value ^= value >> 33;
    value *= 0xc4ceb9fe1a85ec53ULL;
    return value ^ (value >> 33);
}

}  // namespace tl::base
