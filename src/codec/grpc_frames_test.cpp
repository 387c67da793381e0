#include "codec/grpc_frames.h"

#include <gtest/gtest.h>

namespace tl::codec {

namespace {

using Found = GrpcFrames::Found;

std::string frame(std::string_view message, uint8_t flags = 0) {
    return grpc_frame_head(flags, static_cast<uint32_t>(message.size())) + std::string{message};
}

// The messages of `bytes` in pieces of `step`, joined by commas; then what ended it, if anything did.
std::string read(std::string_view bytes, size_t step, size_t most = 100) {
    GrpcFrames frames{most};
    std::string all;
    for (size_t at = 0; at < bytes.size(); at += step) {
        frames.feed(bytes.substr(at, step));
        for (std::string_view message;;) {
            const Found found = frames.next(message);
            if (found == Found::nothing) break;
            if (found != Found::message) return all + "error " + std::to_string(static_cast<int>(found));
            all += std::string{message} + ",";
        }
    }
    return all + (frames.complete() ? "" : "rest");
}

}  // namespace

TEST(GrpcFrames, come_whole_however_they_are_cut) {
    const std::string bytes = frame("one") + frame("") + frame(std::string(100, 'x')) + frame("four");
    const std::string wanted = "one,," + std::string(100, 'x') + ",four,";
    for (size_t step = 1; step <= bytes.size(); ++step) EXPECT_EQ(read(bytes, step), wanted) << step;
}

TEST(GrpcFrames, that_are_not_whole_are_not_given) {
    for (size_t cut = 1; cut < 8; ++cut) EXPECT_EQ(read(frame("one").substr(0, cut), 1), "rest") << cut;
    EXPECT_EQ(read(frame("a") + frame("b").substr(0, 5), 3), "a,rest");
    EXPECT_EQ(read("", 1), "");
}

TEST(GrpcFrames, that_break_a_rule_end_it_before_their_bytes_are_kept) {
    for (const size_t step : {1U, 5U, 1000U}) {
        EXPECT_EQ(read(frame("a") + frame("b", 1), step), "a,error 2");
        EXPECT_EQ(read(frame("a") + frame("b", 0x80), step), "a,error 4");
        EXPECT_EQ(read(frame("a") + grpc_frame_head(0, 101), step), "a,error 3");
        EXPECT_EQ(read(grpc_frame_head(0, 0xffffffff) + "x", step), "error 3");
    }
}

}  // namespace tl::codec
