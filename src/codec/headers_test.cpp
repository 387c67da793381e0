#include "codec/headers.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace tl::codec {

namespace {

std::string print(const HeaderTable& headers) {
    std::string out;
    for (const Header& header : headers) out.append(header.name).append("=").append(header.value).append(";");
    return out;
}

}  // namespace

TEST(Headers, every_known_name_is_found_in_any_case_and_no_near_miss_is) {
    for (int i = 1; i <= static_cast<int>(Field::x_request_timeout); ++i) {
        const auto field = static_cast<Field>(i);
        const std::string name(name_of(field));
        ASSERT_FALSE(name.empty()) << i;
        EXPECT_EQ(lookup_field(name), field) << name;
        std::string upper = name;
        for (char& c : upper) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c);
        EXPECT_EQ(lookup_field(upper), field) << upper;
        // Any other byte at any place makes it another name, though it may fold onto the same letter bits.
        for (size_t at = 0; at < name.size(); ++at) {
            for (int c = 0; c < 256; ++c) {
                std::string near = name;
                near[at] = static_cast<char>(c);
                if (near == name || near[at] == upper[at]) continue;
                EXPECT_NE(lookup_field(near), field) << near;
            }
        }
        EXPECT_EQ(lookup_field(name + "x"), Field::other) << name;
        EXPECT_NE(lookup_field(name.substr(1)), field) << name;
    }
    EXPECT_EQ(lookup_field(""), Field::other);
    EXPECT_EQ(lookup_field("x"), Field::other);
}

TEST(Headers, setting_replaces_the_first_and_drops_the_others) {
    HeaderTable headers;
    headers.add("A", "1");
    headers.add("X-Request-ID", "2");
    headers.add("a", "3");
    headers.add("x-request-id", "4");
    headers.set(Field::x_request_id, "new");
    EXPECT_EQ(print(headers), "A=1;X-Request-ID=new;a=3;");
    headers.set("a", "5");
    EXPECT_EQ(print(headers), "A=5;X-Request-ID=new;");
    headers.set("B", "6");
    headers.set(Field::via, "7");
    EXPECT_EQ(print(headers), "A=5;X-Request-ID=new;B=6;via=7;");
    EXPECT_EQ(headers.value(Field::via), "7");
}

TEST(Headers, removing_keeps_the_order_of_the_rest) {
    HeaderTable headers;
    for (const char* name : {"A", "Via", "B", "VIA", "a"}) headers.add(name, "v");
    EXPECT_EQ(headers.count(Field::via), 2U);
    headers.remove(Field::via);
    EXPECT_EQ(print(headers), "A=v;B=v;a=v;");
    headers.remove("A");
    EXPECT_EQ(print(headers), "B=v;");
    headers.remove("absent");
    EXPECT_EQ(headers.size(), 1U);
    EXPECT_EQ(headers.find("A"), nullptr);
    EXPECT_EQ(headers.find(Field::via), nullptr);
}

TEST(Headers, growing_beyond_the_inline_places_and_back_loses_nothing) {
    std::vector<std::string> names;
    for (int i = 0; i < 60; ++i) names.push_back("n" + std::to_string(i));
    HeaderTable headers;
    std::string wanted;
    for (const std::string& name : names) {
        headers.add(name, "v");
        wanted += name + "=v;";
        ASSERT_EQ(print(headers), wanted);
    }
    EXPECT_EQ(headers[59].name, "n59");
    headers.push(headers[0]);
    EXPECT_EQ(headers[60].name, "n0");
    // Down to 20, which is within the inline places again, and up once more.
    headers.remove_if([&](const Header& header) { return header.name.size() != 2 && header.name.back() != '5'; });
    EXPECT_EQ(headers.size(), 16U);
    wanted = print(headers);
    for (int i = 0; i < 20; ++i) {
        headers.add(names[i], "w");
        wanted += names[i] + "=w;";
        ASSERT_EQ(print(headers), wanted);
    }
    headers.clear();
    EXPECT_TRUE(headers.empty());
    headers.add("A", "1");
    EXPECT_EQ(print(headers), "A=1;");
}

TEST(Headers, a_copy_is_independent_inline_and_on_the_heap) {
    for (const int size : {3, 40}) {
        HeaderTable original;
        for (int i = 0; i < size; ++i) original.add("A", "1");
        HeaderTable copy = original;
        copy.set("A", "2");
        EXPECT_EQ(copy.size(), 1U);
        EXPECT_EQ(original.size(), static_cast<size_t>(size));
        EXPECT_EQ(original.find("A")->value, "1");
    }
}

}  // namespace tl::codec
