#include "codec/base64url.h"

#include <gtest/gtest.h>

namespace tl::codec {
namespace {

TEST(Base64Url, reads_the_examples_of_rfc_4648) {
    const std::vector<std::pair<std::string, std::string>> examples{
        {"", ""}, {"f", "Zg"}, {"fo", "Zm8"}, {"foo", "Zm9v"}, {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}};
    for (const auto& [bytes, text] : examples) {
        EXPECT_EQ(encode_base64url(bytes), text);
        EXPECT_EQ(decode_base64url(text), bytes);
        EXPECT_EQ(decode_base64(text + std::string((4 - text.size() % 4) % 4, '=')), bytes);
    }
    EXPECT_EQ(decode_base64("+/+/"), decode_base64url("-_-_"));
}

TEST(Base64Url, knows_one_spelling_only) {
    EXPECT_FALSE(decode_base64url("Zh"));  // the last bits are not 0
    EXPECT_FALSE(decode_base64url("Zg=="));
    EXPECT_FALSE(decode_base64url("Zg\n"));
    EXPECT_FALSE(decode_base64url("Z"));
    EXPECT_FALSE(decode_base64url("+/+/"));
    EXPECT_FALSE(decode_base64("Zg"));
    EXPECT_FALSE(decode_base64("Zg="));
    EXPECT_FALSE(decode_base64("Z==="));
    EXPECT_FALSE(decode_base64("===="));
    EXPECT_FALSE(decode_base64("Zh=="));
    EXPECT_FALSE(decode_base64("Zg==Zg=="));
    EXPECT_FALSE(decode_base64("-_-_"));
}

TEST(Base64Url, gives_back_all_bytes) {
    std::string all;
    for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
    for (size_t cut = 0; cut < 4; ++cut) {
        const std::string bytes = all.substr(cut);
        EXPECT_EQ(decode_base64url(encode_base64url(bytes)), bytes);
    }
}

}  // namespace
}  // namespace tl::codec
