// Takes one of n at random, each as often as its weight says, in one step however many there are (Walker's alias
// method, as Vose builds it, 1991). Built when weights change.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/random.h"

namespace tl::proxy {

class AliasTable {
  public:
    // Weights are above 0.
    void build(std::span<const double> weights);
    void clear() { cells_.clear(); }
    [[nodiscard]] bool empty() const { return cells_.empty(); }
    // Of a table that is not empty.
    [[nodiscard]] size_t sample(base::Random& random) const {
        const uint64_t dice = random.next();
        const auto cell = static_cast<size_t>(((dice & 0xffffffffULL) * cells_.size()) >> 32);
        return static_cast<uint32_t>(dice >> 32) <= cells_[cell].own ? cell : cells_[cell].other;
    }

  private:
    struct Cell {
        uint32_t own = UINT32_MAX;  // dice up to here stay in the cell
        uint32_t other = 0;
    };
    std::vector<Cell> cells_;
};

}  // namespace tl::proxy
