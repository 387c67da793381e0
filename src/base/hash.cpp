#include "base/hash.h"

#include <bit>
#include <cstring>

#include "base/random.h"

namespace tl::base {

namespace {

struct SipState {
    uint64_t v0, v1, v2, v3;

    void round() {
        v0 += v1;
        v1 = std::rotl(v1, 13) ^ v0;
        v0 = std::rotl(v0, 32);
        v2 += v3;
        v3 = std::rotl(v3, 16) ^ v2;
        v0 += v3;
        v3 = std::rotl(v3, 21) ^ v0;
        v2 += v1;
        v1 = std::rotl(v1, 17) ^ v2;
        v2 = std::rotl(v2, 32);
    }
    void take(uint64_t word) {
        v3 ^= word;
        round();
        round();
        v0 ^= word;
    }
};

}  // namespace

uint64_t hash(std::string_view text, HashKey key) {
    SipState state{key.low ^ 0x736f6d6570736575ULL, key.high ^ 0x646f72616e646f6dULL, key.low ^ 0x6c7967656e657261ULL,
                   key.high ^ 0x7465646279746573ULL};
    const char* at = text.data();
    for (size_t left = text.size(); left >= 8; left -= 8, at += 8) {
        uint64_t word = 0;
        std::memcpy(&word, at, 8);  // little endian, as all machines that this is built for
        state.take(word);
    }
    uint64_t last = static_cast<uint64_t>(text.size()) << 56;
    const size_t rest = text.size() % 8;
    for (size_t i = 0; i < rest; ++i) last |= static_cast<uint64_t>(static_cast<unsigned char>(at[i])) << (8 * i);
    state.take(last);
    state.v2 ^= 0xff;
    for (int i = 0; i < 4; ++i) state.round();
    return state.v0 ^ state.v1 ^ state.v2 ^ state.v3;
}

HashKey random_key() {
    const std::string bytes = random_bytes(sizeof(HashKey));
    HashKey key;
    std::memcpy(&key, bytes.data(), sizeof key);
    return key;
}

}  // namespace tl::base
