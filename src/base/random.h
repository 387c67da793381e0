// Dice that tests can load: a small fast generator (wyrand), seeded by whoever owns it. One object belongs to
// one core. Not for secrets: those come from random_bytes, which asks the kernel.
#pragma once

#include <cstdint>
#include <string>

namespace tl::base {

class Random {
  public:
    explicit Random(uint64_t seed) : state_(seed) {}
    [[nodiscard]] static Random from_kernel();

    [[nodiscard]] uint64_t next() {
        state_ += 0xa0761d6478bd642fULL;
        const auto product = static_cast<unsigned __int128>(state_) * (state_ ^ 0xe7037ed1a0b428dbULL);
        return static_cast<uint64_t>(product >> 64) ^ static_cast<uint64_t>(product);
    }
    // Uniform in [0, n); n > 0.
    [[nodiscard]] uint32_t below(uint32_t n) { return static_cast<uint32_t>(((next() & 0xffffffffULL) * n) >> 32); }
    // Uniform in [0, 1).
    [[nodiscard]] double unit() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

  private:
    uint64_t state_;
};

// `count` bytes from getrandom(2); aborts if the kernel has none to give.
[[nodiscard]] std::string random_bytes(size_t count);

}  // namespace tl::base
