#include "net/password.h"

#include <gtest/gtest.h>

#include <array>

namespace tl::net {
namespace {

// Of "correct horse".
const std::array<std::string, 7> kHashes{
    "$6$saltstring$.r0X7ub5wGR2v4Xz7svCIozfnlorFh19V89t8KC9Umd81uGhFgsyTRNyzQDXDIm17fFcR9z3z7oBNdsyYBbtm/",
    "$5$saltstring$vc6YOOogU4kWVvwga8e9zTFgKcy4tb5LaPxIiPJzqEC",
    "$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e",
    "$2y$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e",
    "$y$j75$abcdefgh$Jakf0CHhzdQOivqISxvBXCIRIaxY0Fs1wJGsJSurry/",
    "$argon2id$v=19$m=256,t=2,p=1$c2FsdHNhbHQ$FWTrF4rU/O/tyvI+XxoS+pWs6pOm01Vss55PvsMNrSE",
    "$argon2i$v=19$m=256,t=3,p=1$c2FsdHNhbHQ$sU9ENnPz257uFj/iBCF5m2/mkdW3Gr55gNPvZOlqWs4"};

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

TEST(Password, no_argon2_hash_may_cost_what_it_likes) {
    const std::string rest = "$c29tZXNhbHQ$RdescudvJCsgt3ub+b+dWRWJTmaaJObG";
    // The README of Argon2's own code has this one.
    EXPECT_TRUE(password_matches("password", "$argon2i$v=19$m=65536,t=2,p=4" + rest));
    for (const std::string costs : {"v=19$m=4194304,t=2,p=4", "v=19$m=65536,t=2000,p=4", "v=19$m=65536,t=2,p=64",
                                    "v=19$m=0,t=2,p=4", "v=19$m=65536,t=2", "v=16$m=65536,t=2,p=4", "m=65536,t=2,p=4",
                                    "v=19$m=65536x,t=2,p=4", "v=19$t=2,m=65536,p=4"}) {
        EXPECT_FALSE(is_password_hash("$argon2i$" + costs + rest)) << costs;
        EXPECT_FALSE(password_matches("password", "$argon2i$" + costs + rest)) << costs;
    }
    EXPECT_FALSE(is_password_hash("$argon2d$v=19$m=65536,t=2,p=4" + rest)) << "leaks by its timing";
    EXPECT_FALSE(is_password_hash("$argon2id$v=19$m=65536,t=2,p=4$$"));
}

}  // namespace
}  // namespace tl::net
