#include "net/sealed.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace tl::net {
namespace {

const std::string kSecret(40, 's');

TEST(Sealed, opens_as_it_was_and_shows_nothing) {
    const Sealer sealer = *Sealer::make(kSecret, "test");
    for (const std::string& plain : {std::string{}, std::string{"alice"}, std::string(10000, 'x')}) {
        const std::string sealed = sealer.seal(plain);
        EXPECT_EQ(sealed.size(), plain.size() + Sealer::kOverhead);
        EXPECT_EQ(sealer.open(sealed), plain);
        if (!plain.empty()) EXPECT_EQ(sealed.find(plain), std::string::npos);
    }
    EXPECT_NE(sealer.seal("alice"), sealer.seal("alice")) << "a nonce was used twice";
}

TEST(Sealed, every_changed_bit_and_every_cut_is_seen) {
    const Sealer sealer = *Sealer::make(kSecret, "test");
    const std::string sealed = sealer.seal("alice");
    for (size_t i = 0; i < sealed.size() * 8; ++i) {
        std::string changed = sealed;
        changed[i / 8] = static_cast<char>(changed[i / 8] ^ (1 << (i % 8)));
        EXPECT_FALSE(sealer.open(changed)) << i;
    }
    for (size_t size = 0; size < sealed.size(); ++size) EXPECT_FALSE(sealer.open(sealed.substr(0, size))) << size;
    EXPECT_FALSE(sealer.open(sealed + "x"));
    EXPECT_FALSE(sealer.open(std::string(Sealer::kMostSealed + 1, 'x')));
}

TEST(Sealed, another_secret_or_purpose_opens_nothing) {
    const std::string sealed = Sealer::make(kSecret, "session")->seal("alice");
    EXPECT_TRUE(Sealer::make(kSecret, "session")->open(sealed));
    EXPECT_FALSE(Sealer::make(kSecret, "attempt")->open(sealed));
    EXPECT_FALSE(Sealer::make(std::string(40, 't'), "session")->open(sealed));
}

TEST(Sealed, a_short_secret_is_none) {
    EXPECT_FALSE(Sealer::make(std::string(31, 's'), "test"));
    EXPECT_TRUE(Sealer::make(std::string(32, 's'), "test"));
}

// The key is HKDF-SHA-256 and the form AES-256-GCM as others write it: made by Node's crypto with
// hkdfSync('sha256', 's' times 40, 'trunkline', 'test', 32) and createCipheriv('aes-256-gcm', key, 'n' times 12).
TEST(Sealed, is_what_others_make_of_the_same_secret) {
    const Sealer sealer = *Sealer::make(kSecret, "test");
    const std::string hex = "6e6e6e6e6e6e6e6e6e6e6e6e3d412ba60fd7cd25ea20ec2a9130c11fa3a6592a00";
    std::string sealed;
    for (size_t i = 0; i < hex.size(); i += 2) sealed += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
    EXPECT_EQ(sealer.open(sealed), "alice");
}

}  // namespace
}  // namespace tl::net
