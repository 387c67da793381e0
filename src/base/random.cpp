#include "base/random.h"

#include <sys/random.h>

#include <cstdlib>
#include <cstring>

namespace tl::base {

Random Random::from_kernel() {
    const std::string seed = random_bytes(sizeof(uint64_t));
    uint64_t value = 0;
    std::memcpy(&value, seed.data(), sizeof value);
    return Random{value};
}

std::string random_bytes(size_t count) {
    std::string bytes(count, '\0');
    size_t have = 0;
    while (have < count) {
        const ssize_t got = getrandom(bytes.data() + have, count - have, 0);
        if (got < 0) std::abort();
        have += static_cast<size_t>(got);
    }
    return bytes;
}

}  // namespace tl::base
