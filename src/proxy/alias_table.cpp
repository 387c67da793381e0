#include "proxy/alias_table.h"

#include <numeric>

namespace tl::proxy {

void AliasTable::build(std::span<const double> weights) {
    const size_t count = weights.size();
    cells_.assign(count, {});
    const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
    std::vector<double> share(count);  // of its cell: 1 is all of it
    std::vector<uint32_t> small;
    std::vector<uint32_t> large;
    for (uint32_t i = 0; i < count; ++i) {
        share[i] = weights[i] * static_cast<double>(count) / sum;
        (share[i] < 1 ? small : large).push_back(i);
    }
    // What a small one leaves of its cell is filled up by a large one.
    while (!small.empty() && !large.empty()) {
        const uint32_t less = small.back();
        const uint32_t more = large.back();
        small.pop_back();
        cells_[less] = {.own = static_cast<uint32_t>(share[less] * 0x1p32), .other = more};
        share[more] -= 1 - share[less];
        if (share[more] >= 1) continue;
        large.pop_back();
        small.push_back(more);
    }
}

}  // namespace tl::proxy
