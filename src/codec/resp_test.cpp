// Replies of Redis, whole, cut and wrong.
#include "codec/resp.h"

#include <gtest/gtest.h>

namespace tl::codec {
namespace {

using Kind = RespReply::Kind;

RespReply whole(std::string_view bytes) {
    const RespParsed parsed = parse_resp(bytes);
    EXPECT_EQ(parsed.state, RespState::complete) << bytes;
    EXPECT_EQ(parsed.consumed, bytes.size()) << bytes;
    return parsed.reply;
}

TEST(Resp, reads_every_kind_of_reply) {
    EXPECT_EQ(whole("+OK\r\n").text, "OK");
    EXPECT_EQ(whole("-NOSCRIPT no\r\n").kind, Kind::error);
    EXPECT_EQ(whole(":-12\r\n").number, -12);
    EXPECT_EQ(whole("$3\r\na\r\n\r\n").text, "a\r\n");
    EXPECT_EQ(whole("$-1\r\n").kind, Kind::nothing);
    EXPECT_EQ(whole("*-1\r\n").kind, Kind::nothing);
    const RespReply list = whole("*3\r\n:1\r\n$0\r\n\r\n*1\r\n+x\r\n");
    ASSERT_EQ(list.items.size(), 3U);
    EXPECT_EQ(list.items[0].number, 1);
    EXPECT_EQ(list.items[1].kind, Kind::bulk);
    EXPECT_EQ(list.items[2].items[0].text, "x");
}

TEST(Resp, a_reply_that_is_cut_needs_more_wherever_it_is_cut) {
    const std::string_view all = "*3\r\n:1\r\n$2\r\nab\r\n*1\r\n+x\r\n";
    for (size_t i = 0; i < all.size(); ++i) EXPECT_EQ(parse_resp(all.substr(0, i)).state, RespState::need_more) << i;
    EXPECT_EQ(parse_resp(std::string{all} + "+next\r\n").consumed, all.size());
}

TEST(Resp, what_is_wrong_or_too_large_is_refused) {
    for (const std::string_view bytes :
         {"?\r\n", "\r\n", ":x\r\n", ":1x\r\n", "$-2\r\n", "$1\r\nab\r\n", "$1\r\na\rx", "+a\rb\r\n", "+a\nb\r\n",
          "*1025\r\n", "$65537\r\n", "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n"}) {
        EXPECT_EQ(parse_resp(bytes).state, RespState::bad) << bytes;
    }
    EXPECT_EQ(parse_resp("+" + std::string(2000, 'a')).state, RespState::bad) << "a line without an end";
}

TEST(Resp, writes_commands) {
    std::string out;
    const std::string_view words[] = {"GET", "a\r\nb", ""};
    append_command(out, words);
    EXPECT_EQ(out, "*3\r\n$3\r\nGET\r\n$4\r\na\r\nb\r\n$0\r\n\r\n");
}

}  // namespace
}  // namespace tl::codec
