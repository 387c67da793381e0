// Which coding a client gets; that bodies survive is shown by real decoders in tests/conformance/test_policy_shape.py.
#include "gateway/policies/encoders.h"

#include <gtest/gtest.h>

namespace tl::gateway {
namespace {

std::string chosen(std::string_view accept) {
    static const std::vector<Coding> kAll{Coding::zstd, Coding::br, Coding::gzip};
    const Coding* const coding = choose_coding(accept, kAll);
    return coding == nullptr ? "" : std::string{name_of(*coding)};
}

TEST(Coding, the_highest_weight_wins_then_our_order) {
    EXPECT_EQ(chosen("gzip, br, zstd"), "zstd");
    EXPECT_EQ(chosen("gzip;q=0.9 , br ; q=0.8"), "gzip");
    EXPECT_EQ(chosen("gzip;q=0.001"), "gzip");
    EXPECT_EQ(chosen("*;q=0.5, zstd;q=0"), "br");
    EXPECT_EQ(chosen("X-GZIP"), "gzip");
}

TEST(Coding, none_where_the_client_wants_none_or_says_nonsense) {
    for (const char* const accept :
         {"", "identity", "deflate", "gzip;q=0", "gzip;q=0.000", "*;q=0", "gzip;q=2", "gzip;q=0.5555", "gzip;q=-1",
          "gzip;x=1", "gzip;q=0.1, identity;q=0.2", "gzip2", ",,;"})
        EXPECT_EQ(chosen(accept), "") << accept;
}

TEST(Encoder, every_feed_says_something_and_an_end_ends) {
    for (const Coding coding : {Coding::gzip, Coding::br, Coding::zstd}) {
        const auto encoder = make_encoder(coding);
        ASSERT_NE(encoder, nullptr);
        std::string out;
        ASSERT_TRUE(encoder->feed("a piece", false, out));
        EXPECT_GT(out.size(), 7U) << name_of(coding) << ": a client must be able to read it now";
        ASSERT_TRUE(encoder->feed(std::string(1 << 20, 'x'), false, out));
        ASSERT_TRUE(encoder->feed("", true, out));
        EXPECT_LT(out.size(), 20'000U);
    }
}

}  // namespace
}  // namespace tl::gateway
