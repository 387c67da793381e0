// Who a request is: keys as manifests write them, and cookies as clients send them.
#include "proxy/request_key.h"

#include <gtest/gtest.h>

namespace tl::proxy {

TEST(RequestKey, is_read_back_as_it_is_written) {
    for (const char* text : {"client", "path", "header x-user", "cookie session"}) {
        const auto key = parse_request_key(text);
        ASSERT_TRUE(key.has_value()) << text;
        EXPECT_EQ(to_string(*key), text);
    }
    for (const char* text : {"", "body", "header", "header ", "cookie a b", "header x:y"}) {
        EXPECT_FALSE(parse_request_key(text).has_value()) << text;
    }
}

TEST(Cookies, are_found_by_their_whole_name_in_any_line) {
    codec::HeaderTable headers;
    headers.add("Cookie", "theme=dark; session=abc=1;empty=; =nameless; xsession=no");
    headers.add("Cookie", "late=yes;session=second");
    EXPECT_EQ(find_cookie(headers, "session"), "abc=1");
    EXPECT_EQ(find_cookie(headers, "theme"), "dark");
    EXPECT_EQ(find_cookie(headers, "empty"), "");
    EXPECT_EQ(find_cookie(headers, "late"), "yes");
    EXPECT_EQ(find_cookie(headers, "sess"), std::nullopt);
    EXPECT_EQ(find_cookie(headers, "dark"), std::nullopt);
    EXPECT_EQ(find_cookie({}, "session"), std::nullopt);
}

TEST(HeaderConditions, all_must_hold) {
    codec::HeaderTable headers;
    headers.add("X-Canary", "1");
    headers.add("Accept", "text/html");
    const std::vector<FieldMatch> both{{"x-canary", "1"}, {"accept", std::nullopt}};
    const std::vector<FieldMatch> other{{"x-canary", "2"}};
    EXPECT_TRUE(all_match(both, headers));
    EXPECT_FALSE(all_match(other, headers));
    EXPECT_TRUE(all_match({}, headers));
}

}  // namespace tl::proxy
