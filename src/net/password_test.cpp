#include "net/password.h"

#include <gtest/gtest.h>

#include <array>

namespace tl::net {
namespace {

// Of "correct horse".
const std::array<std::string, 5> kHashes{
    "$6$saltstring$.r0X7ub5wGR2v4Xz7svCIozfnlorFh19V89t8KC9Umd81uGhFgsyTRNyzQDXDIm17fFcR9z3z7oBNdsyYBbtm/",
    "$5$saltstring$vc6YOOogU4kWVvwga8e9zTFgKcy4tb5LaPxIiPJzqEC",
    "$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e",
    "$2y$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e",
    "$y$j75$abcdefgh$Jakf0CHhzdQOivqISxvBXCIRIaxY0Fs1wJGsJSurry/"};

TEST(Password, matches_its_hash_and_no_other) {
    for (const std::string& hash : kHashes) {
        EXPECT_TRUE(is_password_hash(hash)) << hash;
        EXPECT_TRUE(password_matches("correct horse", hash)) << hash;
        EXPECT_FALSE(password_matches("correct hors", hash)) << hash;
        EXPECT_FALSE(password_matches("", hash)) << hash;
        EXPECT_FALSE(password_matches(std::string{"correct horse\0x", 15}, hash)) << hash;
        EXPECT_FALSE(password_matches(hash, hash)) << "the hash is not the password";
    }
}

TEST(Password, knows_no_hash_that_is_fast_to_guess) {
    for (const std::string none : {"", "*", "*0", "x", "plain", "$1$salt$uXdHrfCd.CnHQasvSgrAO0", "$apr1$salt$x",
                                   "{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", "$6$", "ab0123456789.", "$9$x$y"}) {
        EXPECT_FALSE(is_password_hash(none) && password_matches("x", none)) << none;
    }
    EXPECT_FALSE(is_password_hash("$1$salt$uXdHrfCd.CnHQasvSgrAO0"));
    EXPECT_FALSE(password_matches("x", "*0"));
}

}  // namespace
}  // namespace tl::net
