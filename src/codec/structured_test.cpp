#include "codec/structured.h"

#include <gtest/gtest.h>

namespace tl::codec {
namespace {

// A dictionary as it is written again; "none" for what is none.
std::string again(std::string_view text) {
    const auto all = parse_dictionary(text);
    if (!all) return "none";
    std::string to;
    for (const auto& [name, member] : *all) {
        to += (to.empty() ? "" : ", ") + name + "=";
        if (const auto* item = std::get_if<StructuredItem>(&member.value)) {
            append_item(to, *item);
        } else {
            std::string list;
            append_inner_list(list, std::get<1>(member.value), member.parameters);
            to += list;
        }
    }
    return to;
}

TEST(StructuredFields, AreReadAndWrittenInTheirOneForm) {
    EXPECT_EQ(again(""), "");
    EXPECT_EQ(again("  a=1,\t b=-2;x ;y"), "none");
    EXPECT_EQ(again("a=1,\t b=-2;x; y=?0"), "a=1, b=-2;x;y=?0");
    EXPECT_EQ(again("sig1=( \"@method\"   \"a\";sf );created=1618884473;keyid=\"k\\\"\""),
              "sig1=(\"@method\" \"a\";sf);created=1618884473;keyid=\"k\\\"\"");
    EXPECT_EQ(again("a, b=tok/en;q, c=:aGk=:"), "a=?1, b=tok/en;q, c=:aGk=:");
    EXPECT_EQ(again("a=()"), "a=()");
}

TEST(StructuredFields, ThatAreNoneAreRefused) {
    for (const std::string_view text : {"a=1,",
                                        "A=1",
                                        "a==1",
                                        "a=1 b=2",
                                        "a=1,a=2",
                                        "a=\"x",
                                        "a=\"\\n\"",
                                        "a=\"\x7f\"",
                                        "a=:aGk:",
                                        "a=:a",
                                        "a=?2",
                                        "a=1.5",
                                        "a=1234567890123456",
                                        "a=(1",
                                        "a=(1)(2)",
                                        "a=(\"x\"\"y\")",
                                        "a=1;B",
                                        "a=1;b;b",
                                        "a=@",
                                        ",a=1",
                                        "a=-",
                                        "a=("}) {
        EXPECT_EQ(again(text), "none") << text;
    }
    std::string many;
    for (int i = 0; i < 65; ++i) many += "a" + std::to_string(i) + ",";
    many += "z";
    EXPECT_EQ(again(many), "none");
}

}  // namespace
}  // namespace tl::codec
