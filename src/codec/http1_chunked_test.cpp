#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "codec/http1.h"

namespace tl::codec {

namespace {

using F = Http1Fault;
using State = ChunkedDecoder::State;

Http1Limits small_limits() {
    Http1Limits limits;
    limits.headers = 4;
    limits.trailers = 64;
    limits.chunk_line = 32;
    return limits;
}

struct Decoded {
    State state = State::need_more;
    Http1Fault fault = Http1Fault::none;
    std::string data;
    size_t consumed = 0;
    std::string trailers;

    bool operator==(const Decoded&) const = default;
};

// Feeds pieces of `step` bytes until it ends, is refused, or there are no more.
Decoded decode(std::string_view bytes, size_t step, const Http1Limits& limits = small_limits()) {
    ChunkedDecoder decoder(limits);
    Decoded result;
    size_t given = 0;
    while (given < bytes.size() && result.state == State::need_more) {
        std::string_view piece = bytes.substr(given, step);
        given += piece.size();
        while (true) {
            const auto got = decoder.next(piece);
            result.consumed += got.consumed;
            result.data += got.data;
            piece.remove_prefix(got.consumed);
            if (got.state == State::data) {
                EXPECT_FALSE(got.data.empty());
                continue;
            }
            result.state = got.state;
            result.fault = got.fault;
            if (got.state == State::need_more) EXPECT_TRUE(piece.empty());
            break;
        }
    }
    const ChunkedDecoder moved = std::move(decoder);  // the trailers must survive that
    for (const Header& trailer : moved.trailers()) {
        result.trailers.append(trailer.name).append("=").append(trailer.value).append(";");
    }
    return result;
}

Decoded decode_at_every_split(std::string_view bytes, const Http1Limits& limits = small_limits()) {
    const Decoded whole = decode(bytes, bytes.size(), limits);
    for (size_t step = 1; step < bytes.size(); ++step) {
        const Decoded parts = decode(bytes, step, limits);
        if (whole.state == State::bad) {
            EXPECT_EQ(parts.fault, whole.fault) << bytes << " by " << step;
            EXPECT_EQ(parts.data, whole.data) << bytes << " by " << step;
        } else {
            EXPECT_TRUE(parts == whole) << bytes << " by " << step;
        }
    }
    return whole;
}

}  // namespace

TEST(Http1Chunked, good_bodies_come_out_whole_at_every_split) {
    struct Good {
        std::string bytes, data, trailers;
    };
    const std::vector<Good> cases{
        {"0\r\n\r\n", "", ""},
        {"000\r\n\r\n", "", ""},
        {"5\r\nhello\r\n0\r\n\r\n", "hello", ""},
        {"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", "hello world", ""},
        {"0000000000000005\r\nhello\r\n0\r\n\r\n", "hello", ""},
        {"a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", "01234567890123456789", ""},
        {"2\r\n\r\n\r\n0\r\n\r\n", "\r\n", ""},
        {"5\r\n0\r\n\r\n\r\n0\r\n\r\n", "0\r\n\r\n", ""},
        {"5;x\r\nhello\r\n0;y\r\n\r\n", "hello", ""},
        {"5;a=b;c=\"d; \\\"\"\r\nhello\r\n0\r\n\r\n", "hello", ""},
        {"5;a=\"\"\r\nhello\r\n0\r\n\r\n", "hello", ""},
        {"0\r\nX: y\r\n\r\n", "", "X=y;"},
        {"1\r\na\r\n0\r\nX: y \r\nGrpc-Status:0\r\n\r\n", "a", "X=y;Grpc-Status=0;"},
    };
    for (const Good& good : cases) {
        const Decoded got = decode_at_every_split(good.bytes);
        ASSERT_EQ(got.state, State::end) << good.bytes << describe(got.fault);
        EXPECT_EQ(got.data, good.data) << good.bytes;
        EXPECT_EQ(got.trailers, good.trailers) << good.bytes;
        EXPECT_EQ(got.consumed, good.bytes.size()) << good.bytes;
    }
}

TEST(Http1Chunked, what_follows_the_end_is_left_alone) {
    for (const std::string body : {"1\r\na\r\n0\r\n\r\n", "1\r\na\r\n0\r\nX: y\r\n\r\n"}) {
        const Decoded got = decode_at_every_split(body + "GET / HTTP/1.1\r\n\r\n");
        EXPECT_EQ(got.state, State::end);
        EXPECT_EQ(got.consumed, body.size());
    }
}

TEST(Http1Chunked, broken_framing_is_refused_with_its_fault) {
    struct Bad {
        std::string bytes;
        Http1Fault fault;
    };
    const auto trailer = [](std::string_view lines) { return "0\r\n" + std::string(lines) + "\r\n"; };
    const std::vector<Bad> cases{
        {"\r\n", F::bad_chunk_size},
        {"x\r\n", F::bad_chunk_size},
        {" 5\r\nhello\r\n", F::bad_chunk_size},
        {"5 \r\nhello\r\n", F::bad_chunk_size},
        {"5\t\r\nhello\r\n", F::bad_chunk_size},
        {"5 ;x\r\nhello\r\n", F::bad_chunk_size},
        {"5; x\r\nhello\r\n", F::bad_chunk_size},
        {"+5\r\nhello\r\n", F::bad_chunk_size},
        {"-5\r\nhello\r\n", F::bad_chunk_size},
        {"0x5\r\nhello\r\n", F::bad_chunk_size},
        {"5h\r\nhello\r\n", F::bad_chunk_size},
        {"5_0\r\nhello\r\n", F::bad_chunk_size},
        {"5,5\r\nhello\r\n", F::bad_chunk_size},
        {std::string("5\0\r\nhello\r\n", 11), F::bad_chunk_size},
        {"8000000000000000\r\n", F::bad_chunk_size},
        {"ffffffffffffffff\r\n", F::bad_chunk_size},
        {"10000000000000005\r\nhello\r\n", F::bad_chunk_size},
        {"00000000000000005\r\nhello\r\n", F::bad_chunk_size},
        {";x\r\n", F::bad_chunk_size},
        {"5;\r\nhello\r\n", F::bad_chunk_size},
        {"5;;\r\nhello\r\n", F::bad_chunk_size},
        {"5;=b\r\nhello\r\n", F::bad_chunk_size},
        {"5;a=\r\nhello\r\n", F::bad_chunk_size},
        {"5;a=b c\r\nhello\r\n", F::bad_chunk_size},
        {"5;a=\"b\"c\r\nhello\r\n", F::bad_chunk_size},
        {"5;a=\"b\r\nhello\r\n", F::bad_chunk_size},
        {"5;a=\"b;\\\"\r\nhello\r\n", F::bad_chunk_size},
        {"5;a=\"\x01\"\r\nhello\r\n", F::bad_chunk_size},
        {"5;" + std::string(40, 'a') + "\r\nhello\r\n", F::bad_chunk_size},
        {"5\nhello\r\n", F::bare_lf},
        {"5;a\nhello\r\n", F::bare_lf},
        {"5;a=\"\n\"\r\nhello\r\n", F::bare_lf},
        {"5\rhello\r\n", F::bare_cr},
        {"5\r\rhello\r\n", F::bare_cr},
        {"0\n\n", F::bare_lf},
        {"5\r\nhelloX\r\n0\r\n\r\n", F::bad_chunk_end},
        {"5\r\nhello\n0\r\n\r\n", F::bad_chunk_end},
        {"5\r\nhello\rX", F::bad_chunk_end},
        {"5\r\nhello0\r\n\r\n", F::bad_chunk_end},
        {"5\r\nhello\r\n\r\n0\r\n\r\n", F::bad_chunk_size},
        {"0\r\n\n", F::bad_trailer},
        {trailer("X: y\n"), F::bad_trailer},
        {trailer("X : y\r\n"), F::bad_trailer},
        {trailer("X: a\rb\r\n"), F::bad_trailer},
        {trailer("X: a\r\n b\r\n"), F::bad_trailer},
        {trailer("X\r\n"), F::bad_trailer},
        {trailer(": x\r\n"), F::bad_trailer},
        {trailer("X: \x01\r\n"), F::bad_trailer},
        {trailer("Content-Length: 5\r\n"), F::bad_trailer},
        {trailer("Transfer-Encoding: chunked\r\n"), F::bad_trailer},
        {trailer("host: a\r\n"), F::bad_trailer},
        {trailer("Authorization: x\r\n"), F::bad_trailer},
        {trailer("Cookie: x\r\n"), F::bad_trailer},
        {trailer("Set-Cookie: x\r\n"), F::bad_trailer},
        {trailer("X: y\r\nConnection: x\r\n"), F::bad_trailer},
        {trailer("content-encoding: x\r\n"), F::bad_trailer},
        {trailer("X-Forwarded-For: x\r\n"), F::bad_trailer},
        {trailer("1:\r\n2:\r\n3:\r\n4:\r\n5:\r\n"), F::too_many_headers},
        {trailer("X: " + std::string(80, 'x') + "\r\n"), F::trailers_too_large},
        {"0\r\n" + std::string(65, 'x'), F::trailers_too_large},
    };
    for (const Bad& bad : cases) {
        const Decoded got = decode_at_every_split(bad.bytes);
        EXPECT_EQ(got.state, State::bad) << bad.bytes;
        EXPECT_EQ(describe(got.fault), describe(bad.fault)) << bad.bytes;
    }
}

TEST(Http1Chunked, the_largest_size_is_taken_and_its_data_flows_at_once) {
    const Http1Limits limits = small_limits();
    ChunkedDecoder decoder(limits);
    const auto got = decoder.next("7fffffffffffffff\r\nab");
    EXPECT_EQ(got.state, State::data);
    EXPECT_EQ(got.data, "ab");
    EXPECT_EQ(got.consumed, 20U);
}

TEST(Http1Chunked, the_end_and_a_fault_stay_what_they_are) {
    const Http1Limits limits = small_limits();
    ChunkedDecoder ended(limits);
    EXPECT_EQ(ended.next("0\r\n\r\n").state, State::end);
    EXPECT_EQ(ended.next("5\r\nhello").state, State::end);
    EXPECT_EQ(ended.next("5\r\nhello").consumed, 0U);
    ChunkedDecoder refused(limits);
    EXPECT_EQ(refused.next("x").fault, F::bad_chunk_size);
    EXPECT_EQ(refused.next("5\r\nhello").fault, F::bad_chunk_size);
}

TEST(Http1Chunked, an_unfinished_body_only_needs_more) {
    for (const std::string_view part : {"", "5", "5\r", "5\r\n", "5\r\nhello", "5\r\nhello\r", "0", "0\r\n", "0\r\n\r",
                                        "0\r\nX", "0\r\nX: y\r\n", "0\r\nX: y\r\n\r"}) {
        EXPECT_EQ(decode_at_every_split(part).state, State::need_more) << part;
    }
}

}  // namespace tl::codec
