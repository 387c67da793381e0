#include "base/hash.h"

#include <gtest/gtest.h>

#include <string>

namespace tl::base {

// The vectors of the paper: key 00..0f, messages of the first bytes 00, 01, 02 ...
TEST(Hash, gives_what_the_reference_gives) {
    const HashKey key{0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL};
    std::string message;
    for (char byte = 0; byte < 15; ++byte) message += byte;
    EXPECT_EQ(hash(message, key), 0xa129ca6149be45e5ULL);
    EXPECT_EQ(hash("", key), 0x726fdb47dd0e0e31ULL);
    EXPECT_EQ(hash(std::string_view{message}.substr(0, 8), key), 0x93f5f5799a932462ULL);
}

}  // namespace tl::base
