#include "gateway/policies/key_table.h"

#include <bit>

namespace tl::gateway {

KeyTable::KeyTable(size_t keys) {
    const size_t sets = std::bit_ceil(keys < kWays ? size_t{1} : (keys + kWays - 1) / kWays);
    mask_ = sets - 1;
    sets_.reset(static_cast<Set*>(std::calloc(sets, sizeof(Set))));
    if (sets_ == nullptr) throw std::bad_alloc{};
}

}  // namespace tl::gateway
