#include "telemetry/names.h"

namespace tl::telemetry {

NameTable::NameTable() {
    (void)intern("");       // kNoName
    (void)intern("other");  // kOtherName
}

NameTable::~NameTable() = default;

NameId NameTable::intern(std::string_view text) {
    text = text.substr(0, kLongestName);
    const std::scoped_lock lock(mutex_);
    if (const auto found = ids_.find(text); found != ids_.end()) return found->second;
    const uint32_t id = size_.load(std::memory_order_relaxed);
    if (id == kMost) return kOtherName;
    auto& block = blocks_[id / kBlock];
    if (!block) block = std::make_unique<Block>();
    std::string& name = (*block)[id % kBlock];
    name = text;
    ids_.emplace(name, id);
    size_.store(id + 1, std::memory_order_release);
    return id;
}

std::string_view NameTable::text(NameId id) const {
    if (id >= size()) id = kOtherName;
    return (*blocks_[id / kBlock])[id % kBlock];
}

}  // namespace tl::telemetry
