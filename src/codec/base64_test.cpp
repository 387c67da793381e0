#include "codec/base64.h"

#include <gtest/gtest.h>

namespace tl::codec {

namespace {

// What `text` decodes to when it comes in pieces of `size`; "bad" and "cut" for what cannot be, and what is not whole.
std::string decoded(std::string_view text, size_t size) {
    Base64Decoder decoder;
    std::string out;
    for (size_t at = 0; at < text.size(); at += size) {
        if (!decoder.decode(text.substr(at, size), out)) return "bad";
    }
    return decoder.complete() ? out : "cut";
}

}  // namespace

TEST(Base64, writes_the_examples_of_rfc_4648) {
    const std::pair<const char*, const char*> cases[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
    for (const auto& [bytes, text] : cases) {
        std::string written;
        append_base64(written, bytes);
        EXPECT_EQ(written, text);
        for (size_t size = 1; size <= 8; ++size) EXPECT_EQ(decoded(text, size), bytes) << size;
    }
}

TEST(Base64, reads_padded_stretches_one_behind_the_other) {
    for (size_t size = 1; size <= 16; ++size) EXPECT_EQ(decoded("Zg==Zm8=Zm9vZg==", size), "ffofoof");
}

TEST(Base64, refuses_what_is_none) {
    for (const char* bad : {"Zg=a", "=", "Z===", "Zg==\n", "Z g=", "Zg-_", "Zh==", "Zm9=", "Zg===", "Zm9v="}) {
        for (size_t size = 1; size <= 4; ++size) EXPECT_EQ(decoded(bad, size), "bad") << bad;
    }
    for (const char* cut : {"Z", "Zg", "Zg=", "Zm9vZ"}) EXPECT_EQ(decoded(cut, 2), "cut") << cut;
    Base64Decoder decoder;
    std::string out;
    EXPECT_FALSE(decoder.decode("!", out));
    EXPECT_FALSE(decoder.decode("Zm9v", out)) << "a fault is for ever";
}

}  // namespace tl::codec
