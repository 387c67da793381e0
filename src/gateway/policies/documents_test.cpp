// Documents between their forms, and what is refused in them.
#include "gateway/policies/documents.h"

#include <gtest/gtest.h>

namespace tl::gateway {
namespace {

std::string json_of(const base::Result<Document>& document) {
    return document ? write_json(*document) : "refused: " + document.error().context;
}

bool refused(const base::Result<Document>& document) { return !document; }

std::string nested(std::string_view open, std::string_view close, size_t depth) {
    std::string text;
    for (size_t i = 0; i < depth; ++i) text += open;
    for (size_t i = 0; i < depth; ++i) text += close;
    return text;
}

TEST(Json, is_read_to_its_depth_and_no_further) {
    EXPECT_EQ(json_of(read_json(R"({"b": 1, "a": "]}\"[[["})")), R"({"b":1,"a":"]}\"[[["})");
    EXPECT_FALSE(refused(read_json(nested("[", "]", kMostDepth))));
    EXPECT_TRUE(refused(read_json(nested("[", "]", kMostDepth + 1))));
    EXPECT_TRUE(refused(read_json(nested("{\"a\":", "}", 1'000'000))));
    for (const char* const text : {"", "{", "[1,]", "nul", "\"\xff\"", "1 2", "NaN", "1e999"})
        EXPECT_TRUE(refused(read_json(text))) << text;
}

TEST(Json, of_a_name_given_twice_the_last_value_counts) {
    EXPECT_EQ(json_of(read_json(R"({"a": {"x": 1}, "b": [1, {"c": 2}], "a": {"y": 2}})")),
              R"({"a":{"y":2},"b":[1,{"c":2}]})");
    std::string many = "{";
    for (int i = 0; i < 100; ++i) many += "\"n" + std::to_string(i % 50) + "\":" + std::to_string(i) + ",";
    many.back() = '}';
    const auto read = read_json(many);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->size(), 50U);
    EXPECT_EQ((*read)["n0"], 50);
    EXPECT_EQ((*read)["n49"], 99);
}

// Comparing each name with all before it took 8 seconds for this.
TEST(Documents, of_many_names_are_read_in_a_moment) {
    std::string json = "{";
    std::string form;
    std::string xml = "<a>";
    for (int i = 0; i < 90'000; ++i) {
        const std::string name = "n" + std::to_string(i);
        json += "\"" + name + "\":0,";
        form += name + "=&";
        xml += "<" + name + "/>";
    }
    json.back() = '}';
    const auto began = std::chrono::steady_clock::now();
    EXPECT_EQ(read_json(json).value().size(), 90'000U);
    EXPECT_EQ(read_form(form).value().size(), 90'000U);
    EXPECT_EQ(read_xml(xml + "</a>").value()["a"].size(), 90'000U);
    EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds{4});
}

TEST(Xml, becomes_json_by_its_names) {
    EXPECT_EQ(json_of(read_xml("<a/>")), R"({"a":""})");
    EXPECT_EQ(json_of(read_xml("<a x='1'><b>2</b><b/><c><![CDATA[<]]></c>t</a>")),
              R"({"a":{"@x":"1","b":["2",""],"c":"<","#text":"t"}})");
    EXPECT_FALSE(refused(read_xml(nested("<a>", "</a>", kMostDepth))));
    EXPECT_TRUE(refused(read_xml(nested("<a>", "</a>", kMostDepth + 1))));
}

TEST(Xml, no_entity_is_ever_expanded_and_no_document_type_taken) {
    EXPECT_EQ(json_of(read_xml("<a>&b;&lt;&#65;</a>")), R"({"a":"&b;<A"})");
    for (const char* const text : {"<!DOCTYPE a><a/>", "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "<a/><!DOCTYPE a>",
                                   "<a/><b/>", "", "x", "<a>\xff</a>", "<a", "<a></b>"})
        EXPECT_TRUE(refused(read_xml(text))) << text;
}

TEST(Xml, is_written_well_formed_or_not_at_all) {
    const auto xml_of = [](const char* json) {
        const auto text = write_xml(*read_json(json), "root");
        return text ? *text : "refused";
    };
    EXPECT_EQ(xml_of(R"({"a": {"@x": "\"<", "b": [1, null, true], "#text": "&"}})"),
              R"(<a x="&quot;&lt;"><b>1</b><b/><b>true</b>&amp;</a>)");
    EXPECT_EQ(xml_of("[1, [2]]"), "<root><item>1</item><item><item>2</item></item></root>");
    EXPECT_EQ(xml_of(R"({"a": 1, "b": 2})"), "<root><a>1</a><b>2</b></root>");
    for (const char* const json :
         {R"({"a b": 1, "c": 2})", R"({"a": {"@x>": 1}})", R"({"a": {"@x": {}}})", R"({"a": "\u0000"})"})
        EXPECT_EQ(xml_of(json), "refused") << json;
}

TEST(Form, becomes_json_in_its_order) {
    EXPECT_EQ(json_of(read_form("b=1&a=x+y%26&b=2&c&&b=3")), R"({"b":["1","2","3"],"a":"x y&","c":""})");
    EXPECT_EQ(json_of(read_form("")), "{}");
    EXPECT_TRUE(refused(read_form("a=%ff")));
}

}  // namespace
}  // namespace tl::gateway
