// Templates: what is refused when the manifest is loaded, and the decoding that they rest on.
#include "gateway/policies/template.h"

#include <gtest/gtest.h>

namespace tl::gateway {
namespace {

std::string refusal(std::string_view text) {
    const auto made = Template::parse(text);
    return made ? "" : made.error();
}

TEST(Template, takes_known_names_and_doubled_braces) {
    for (const char* const text :
         {"", "plain", "{request.method} {path.id}", "{{}}", "{claim.a.b}", "{header.X-Y}", "{cookie.a}"})
        EXPECT_EQ(refusal(text), "") << text;
    EXPECT_EQ(Template::text_of(*Template::parse("a{client.ip}")), "a{client.ip}");
}

TEST(Template, refuses_what_is_no_name_and_tells_the_nearest) {
    EXPECT_NE(refusal("{request.metod}").find("did you mean {request.method}?"), std::string::npos);
    EXPECT_NE(refusal("{hedder.X-Y}").find("did you mean {header.X-Y}?"), std::string::npos);
    EXPECT_NE(refusal("{header.}").find("must say which"), std::string::npos);
    EXPECT_NE(refusal("{header.a b}").find("can be none"), std::string::npos);
    EXPECT_NE(refusal("{response.status}"), "");
    EXPECT_TRUE(Template::parse_response("{response.status}"));
    for (const char* const text : {"{", "}", "{path.id", "a}b", "{}", "{{}", "a\r\nb", "\x7f"})
        EXPECT_NE(refusal(text), "") << text;
}

TEST(Template, values_are_coded_for_where_they_go) {
    const auto coded = [](std::string_view text, Template::Target target) {
        std::string out;
        Template::append_coded(out, text, target);
        return out;
    };
    EXPECT_EQ(coded("a b&\r\n\x7f\xc3\xa4", Template::Target::header), "a b&%0D%0A%7F\xc3\xa4");
    EXPECT_EQ(coded("a b&=\xc3\xa4~", Template::Target::query), "a%20b%26%3D%C3%A4~");
    EXPECT_EQ(coded("a\n\"", Template::Target::document), "a\n\"");
}

TEST(Query, is_decoded_and_broken_codes_stay) {
    base::Arena arena;
    EXPECT_EQ(decode_percent("a%20b+c%2", Plus::space, arena), "a b c%2");
    EXPECT_EQ(decode_percent("a+%zz%41", Plus::itself, arena), "a+%zzA");
    EXPECT_EQ(query_value("a=1&%62=x+y&b=2", "b", arena), "x y");
    EXPECT_EQ(query_value("a&b", "a", arena), "");
    EXPECT_EQ(query_value("", "a", arena), "");
}

}  // namespace
}  // namespace tl::gateway
