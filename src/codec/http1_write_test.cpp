#include <gtest/gtest.h>

#include <string>

#include "codec/http1.h"

namespace tl::codec {

TEST(Http1Write, a_request_that_was_written_is_read_back_the_same) {
    base::Buffer out;
    HeaderTable headers;
    headers.add(Field::host, "a:80");
    headers.add("X-Empty", "");
    headers.add("X-Tab", "a\tb");
    write_request_line(out, "PURGE", "/a?b");
    write_headers(out, headers);
    write_number_header(out, "Content-Length", UINT64_C(9223372036854775807));
    write_end_of_head(out);
    EXPECT_EQ(out.view(),
              "PURGE /a?b HTTP/1.1\r\nhost: a:80\r\nX-Empty: \r\nX-Tab: a\tb\r\n"
              "Content-Length: 9223372036854775807\r\n\r\n");
    RequestHead head;
    uint32_t scanned = 0;
    ASSERT_EQ(head.parse(out.view(), Http1Limits{}, scanned).state, ParseState::complete);
    EXPECT_EQ(head.length, UINT64_C(9223372036854775807));
    EXPECT_EQ(head.headers.size(), 4U);
}

TEST(Http1Write, a_response_that_was_written_is_read_back_the_same) {
    for (const std::string_view reason : {"OK", ""}) {
        base::Buffer out;
        write_status_line(out, 207, reason);
        write_header(out, "Server", "trunkline");
        write_end_of_head(out);
        EXPECT_EQ(out.view(), "HTTP/1.1 207 " + std::string(reason) + "\r\nServer: trunkline\r\n\r\n");
        ResponseHead head;
        uint32_t scanned = 0;
        ASSERT_EQ(head.parse(out.view(), Http1Limits{}, Method::get, scanned).state, ParseState::complete);
        EXPECT_EQ(head.status, 207);
    }
}

TEST(Http1Write, chunks_that_were_written_are_read_back_the_same) {
    base::Buffer out;
    const std::string data(300, 'd');
    write_chunk_head(out, data.size());
    out.append(data);
    out.append(kChunkEnd);
    out.append(kLastChunk);
    out.append("\r\n");
    EXPECT_TRUE(out.view().starts_with("12c\r\nd"));
    const Http1Limits limits;
    ChunkedDecoder decoder(limits);
    const auto step = decoder.next(out.view());
    EXPECT_EQ(step.data, data);
    EXPECT_EQ(decoder.next(out.view().substr(step.consumed)).state, ChunkedDecoder::State::end);

    base::Buffer largest;
    write_chunk_head(largest, UINT64_MAX);
    EXPECT_EQ(largest.view(), "ffffffffffffffff\r\n");
}

TEST(Http1Write, names_and_values_of_every_length_are_written_as_they_are) {
    std::string text;
    for (size_t size = 0; size <= 100; ++size) {
        base::Buffer out;
        write_header(out, text, text);
        EXPECT_EQ(out.view(), text + ": " + text + "\r\n");
        text += static_cast<char>('a' + size % 26);
    }
}

TEST(Http1Write, no_headers_write_nothing_and_many_move_the_buffer) {
    base::Buffer out;
    write_headers(out, HeaderTable{});
    EXPECT_TRUE(out.empty());
    HeaderTable headers;
    const std::string value(1000, 'v');
    for (int i = 0; i < 40; ++i) headers.add("X", value);
    write_headers(out, headers);
    EXPECT_EQ(out.size(), 40 * (value.size() + 5));
}

TEST(Http1Names, every_fault_says_what_is_wrong_and_has_an_error_status) {
    for (int i = 1; i <= static_cast<int>(Http1Fault::trailers_too_large); ++i) {
        const auto fault = static_cast<Http1Fault>(i);
        EXPECT_GT(describe(fault).size(), 20U) << i;
        EXPECT_GE(status_for(fault), 400) << i;
        EXPECT_NE(reason_of(status_for(fault)), "") << i;
    }
    EXPECT_EQ(status_for(Http1Fault::bad_version), 505);
    EXPECT_EQ(status_for(Http1Fault::target_too_long), 414);
    EXPECT_EQ(status_for(Http1Fault::head_too_large), 431);
    EXPECT_EQ(status_for(Http1Fault::bad_encoding), 400);
    EXPECT_EQ(status_for(Http1Fault::length_and_encoding), 400);
}

TEST(Http1Names, safe_methods_are_idempotent_but_not_the_other_way_round) {
    EXPECT_TRUE(is_safe(Method::get) && is_safe(Method::head) && is_safe(Method::options) && is_safe(Method::trace));
    EXPECT_FALSE(is_safe(Method::put) || is_safe(Method::delete_) || is_safe(Method::post) || is_safe(Method::other));
    EXPECT_TRUE(is_idempotent(Method::put) && is_idempotent(Method::delete_) && is_idempotent(Method::get));
    EXPECT_FALSE(is_idempotent(Method::post) || is_idempotent(Method::patch) || is_idempotent(Method::connect) ||
                 is_idempotent(Method::other));
}

TEST(Http1Names, tokens_are_never_empty) {
    EXPECT_TRUE(is_token("X-A_b.1~"));
    for (const std::string_view bad : {"", "a b", "a:", "a\r", "(a)", "\xc3\xa9"}) EXPECT_FALSE(is_token(bad)) << bad;
}

}  // namespace tl::codec
