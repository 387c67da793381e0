// What the HTTP/1 fuzz targets share: a check that stops the run, and ways of cutting an input that depend on
// nothing but the input, so that a finding repeats.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace tl::fuzz {

inline void require(bool holds, const char* what) {
    if (holds) return;
    std::fprintf(stderr, "invariant broken: %s\n", what);
    std::abort();
}

[[nodiscard]] inline bool inside(std::string_view part, std::string_view whole) {
    return part.empty() || (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

// Sizes of pieces, 1 to `most` bytes, drawn from the content.
class Cuts {
  public:
    Cuts(std::string_view input, size_t most) : most_(most) {
        for (const char c : input) state_ = (state_ ^ static_cast<uint8_t>(c)) * 0x100000001b3ULL;
    }
    size_t next() {
        state_ = state_ * 6364136223846793005ULL + 1442695040888963407ULL;
        return 1 + (state_ >> 33) % most_;
    }

  private:
    size_t most_;
    uint64_t state_ = 0xcbf29ce484222325ULL;
};

}  // namespace tl::fuzz
