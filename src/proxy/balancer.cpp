#include "proxy/balancer.h"

#include <algorithm>

namespace tl::proxy {

Instance* pick_least_of_two(std::span<Instance* const> instances, base::Random& random) {
    const auto count = static_cast<uint32_t>(instances.size());
    if (count == 0) return nullptr;
    if (count == 1) return instances[0];
    const uint32_t first = random.below(count);
    uint32_t second = random.below(count - 1);
    if (second >= first) ++second;
    Instance* a = instances[first];
    Instance* b = instances[second];
    return b->active < a->active ? b : a;
}

Instance* pick_untried(std::span<Instance* const> instances, base::Random& random, std::span<const uint64_t> tried) {
    // Retries are rare: one pass over all, from a random place so that they spread.
    const size_t count = instances.size();
    if (count == 0) return nullptr;
    const size_t start = random.below(static_cast<uint32_t>(count));
    Instance* best = nullptr;
    for (size_t i = 0; i < count; ++i) {
        Instance* instance = instances[(start + i) % count];
        if (std::ranges::find(tried, instance->serial) != tried.end()) continue;
        if (best == nullptr || instance->active < best->active) best = instance;
    }
    return best != nullptr ? best : instances[start];
}

Instance* pick_least_waiting(std::span<Instance* const> instances) {
    const auto least =
        std::ranges::min_element(instances, {}, [](const Instance* one) { return one->outlier.waiting(); });
    return least == instances.end() ? nullptr : *least;
}

}  // namespace tl::proxy
