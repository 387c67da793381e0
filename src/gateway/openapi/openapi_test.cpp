// What a contract makes of values: each keyword with what fits and what does not, and whole documents.
#include <gtest/gtest.h>

#include "gateway/openapi/document.h"
#include "gateway/openapi/formats.h"
#include "gateway/openapi/judge.h"

namespace tl::gateway {
namespace {

// What is wrong with `value` by `schema`: "" or the first sentence, without "body: ".
std::string judged(const std::string& schema, const std::string& value) {
    const nlohmann::json document{
        {"components",
         {{"schemas",
           {{"Node",
             nlohmann::json::parse(
                 R"({"type":"object","properties":{"next":{"$ref":"#/components/schemas/Node"},"id":{"type":"integer"}},"additionalProperties":false})")}}}}}};
    SchemaSet set{document};
    const nlohmann::json text = nlohmann::json::parse(schema);
    const Schema* const compiled = set.compile(text, "here");
    JsonParser json;
    Violations violations;
    const auto parsed = json.parser.parse(value);
    EXPECT_EQ(parsed.error(), simdjson::SUCCESS) << value;
    const bool good = compiled->judge(parsed.value_unsafe(), ValuePlace{"body"}, violations);
    EXPECT_EQ(good, violations.empty());
    if (violations.empty()) return "";
    std::string first = violations.front();
    return first.starts_with("body: ") ? first.substr(6) : first;
}

struct Case {
    const char* schema;
    const char* value;
    const char* says;
};

TEST(Schema, keywords_of_values) {
    const Case cases[] = {
        {R"({"type":"string"})", R"("a")", ""},
        {R"({"type":"string"})", "1", "must be a string"},
        {R"({"type":["string","null"]})", "null", ""},
        {R"({"type":"string","nullable":true})", "null", ""},
        {R"({"type":"integer"})", "2.0", ""},
        {R"({"type":"integer"})", "2.5", "must be an integer"},
        {R"({"type":"number"})", "2", ""},
        {R"({"enum":["a",1,{"b":[2]}]})", R"({"b":[2]})", ""},
        {R"({"enum":["a",1]})", R"("b")", R"(must be one of "a", 1)"},
        {R"({"const":5})", "5.0", ""},
        {R"({"minimum":2,"maximum":3})", "3", ""},
        {R"({"minimum":2})", "1.9", "must be at least 2"},
        {R"({"minimum":2,"exclusiveMinimum":true})", "2", "must be above 2"},
        {R"({"exclusiveMaximum":2})", "2", "must be below 2"},
        {R"({"multipleOf":0.1})", "0.3", ""},
        {R"({"multipleOf":3})", "7", "must be a multiple of 3"},
        {R"({"minLength":2,"maxLength":2})", R"("äö")", ""},
        {R"({"maxLength":1})", R"("äö")", "must have at most 1 characters"},
        {R"({"pattern":"^a+$"})", R"("aab")", "must match ^a+$"},
        {R"({"format":"date"})", R"("2024-02-29")", ""},
        {R"({"format":"date"})", R"("2023-02-29")", "must be of format date"},
        {R"({"type":"integer","format":"int32"})", "2147483648", "must be of format int32"},
        {R"(true)", "1", ""},
        {R"(false)", "1", "is not allowed"},
    };
    for (const Case& one : cases) EXPECT_EQ(judged(one.schema, one.value), one.says) << one.schema << " " << one.value;
}

TEST(Schema, keywords_of_arrays_objects_and_combinations) {
    const Case cases[] = {
        {R"({"items":{"type":"integer"}})", "[1,2]", ""},
        {R"({"items":{"type":"integer"}})", R"([1,"x"])", "body/1: must be an integer"},
        {R"({"prefixItems":[{"type":"string"}],"items":false})", R"(["a",1])", "body/1: is not allowed"},
        {R"({"minItems":1})", "[]", "must have at least 1 items"},
        {R"({"uniqueItems":true})", R"([{"a":1,"b":2},{"b":2,"a":1}])", "must not have the same item twice"},
        {R"({"required":["a"]})", "{}", R"(needs "a")"},
        {R"({"properties":{"a":{"type":"string"}}})", R"({"a":1,"b":1})", "body/a: must be a string"},
        {R"({"properties":{"a":{}},"additionalProperties":false})", R"({"b":1})", "body/b: is no field of this object"},
        {R"({"additionalProperties":{"type":"string"}})", R"({"b":1})", "body/b: must be a string"},
        {R"({"patternProperties":{"^x-":{"type":"string"}},"additionalProperties":false})", R"({"x-a":"1"})", ""},
        {R"({"maxProperties":1})", R"({"a":1,"b":1})", "must have at most 1 fields"},
        {R"({"allOf":[{"required":["a"]},{"required":["b"]}]})", R"({"a":1})", R"(needs "b")"},
        {R"({"anyOf":[{"type":"string"},{"type":"integer"}]})", "true", "fits none of the allowed forms (anyOf)"},
        {R"({"oneOf":[{"type":"number"},{"type":"integer"}]})", "1", "fits more than one form (oneOf)"},
        {R"({"not":{"type":"string"}})", R"("a")", "has a form that is not allowed (not)"},
        {R"({"$ref":"#/components/schemas/Node"})", R"({"next":{"next":{"id":"x"}}})",
         "body/next/next/id: must be an integer"},
        {R"({"$ref":"https://elsewhere.example/x"})", "1", ""},
    };
    for (const Case& one : cases) EXPECT_EQ(judged(one.schema, one.value), one.says) << one.schema << " " << one.value;
}

TEST(Schema, what_cannot_be_judged_is_said) {
    const nlohmann::json document = nlohmann::json::object();
    SchemaSet set{document};
    const nlohmann::json ahead = {{"pattern", "(?=a)b"}};
    const nlohmann::json nowhere = {{"$ref", "#/nowhere"}};
    const nlohmann::json circle = {{"type", "strnig"}};
    set.compile(ahead, "a");
    set.compile(nowhere, "b");
    set.compile(circle, "c");
    ASSERT_EQ(set.remarks().size(), 3U);
    EXPECT_TRUE(set.remarks()[0].starts_with("a: the pattern \"(?=a)b\" is not judged"));
    EXPECT_EQ(set.remarks()[1], "b: \"#/nowhere\" leads nowhere in this document");
    EXPECT_EQ(set.remarks()[2], "c: there is no type \"strnig\"");
}

TEST(Schema, complaints_are_bounded) {
    const nlohmann::json document = nlohmann::json::object();
    const nlohmann::json text = {{"items", {{"type", "string"}}}};
    SchemaSet set{document};
    std::string value = "[0";
    for (int i = 0; i < 1000; ++i) value += ",0";
    value += "]";
    JsonParser json;
    Violations violations;
    EXPECT_FALSE(set.compile(text, "x")->judge(json.parser.parse(value).value(), ValuePlace{"body"}, violations));
    EXPECT_EQ(violations.size(), kMostViolations);
}

TEST(Formats, are_those_of_the_standards) {
    for (const char* good : {"2024-01-02T03:04:05Z", "2024-01-02t03:04:05.123+01:00", "2016-12-31T23:59:60Z"}) {
        EXPECT_TRUE(fits_format("date-time", good)) << good;
    }
    for (const char* bad : {"2024-01-02", "2024-13-02T03:04:05Z", "2024-01-02T25:04:05Z", "2024-01-02T03:04:05"}) {
        EXPECT_FALSE(fits_format("date-time", bad)) << bad;
    }
    EXPECT_TRUE(fits_format("uuid", "123e4567-e89b-12d3-a456-426614174000"));
    EXPECT_FALSE(fits_format("uuid", "123e4567e89b12d3a456426614174000"));
    EXPECT_TRUE(fits_format("email", "a.b+c@shop.example"));
    EXPECT_FALSE(fits_format("email", "a@b@c"));
    EXPECT_TRUE(fits_format("ipv6", "::1"));
    EXPECT_FALSE(fits_format("ipv4", "1.2.3"));
    EXPECT_TRUE(fits_format("byte", "YWI="));
    EXPECT_FALSE(fits_format("byte", "YWI"));
    EXPECT_TRUE(fits_format("something-of-ours", "anything"));
}

TEST(Document, both_versions_and_both_languages_are_read) {
    const auto yaml = ApiDocument::parse(
        "openapi: 3.1.0\ninfo: { title: Orders, version: '1' }\nservers: [{ url: 'https://api.example/v1/' }]\npaths:\n"
        "  /orders/{id}:\n    parameters: [{ name: id, in: path, required: true, schema: { type: integer } }]\n"
        "    get: { operationId: getOrder, responses: { '200': { description: ok } } }\n"
        "    delete: { responses: { 2XX: { description: ok, content: { application/json: { schema: { type: object } } "
        "} } } }\n"
        "  /files/{name}.json:\n    get: { responses: {} }\n",
        "o.yaml");
    ASSERT_TRUE(yaml.has_value()) << yaml.error().context;
    EXPECT_EQ((*yaml)->base(), "/v1");
    EXPECT_EQ((*yaml)->operations().size(), 2U);
    EXPECT_EQ((*yaml)->methods_of("/orders/7"), "GET, DELETE, HEAD");  // who takes GET takes HEAD
    EXPECT_EQ((*yaml)->methods_of("/nothing"), "");
    ASSERT_EQ((*yaml)->remarks().size(), 1U);
    EXPECT_NE((*yaml)->remarks()[0].find("/files/{name}.json"), std::string::npos);
    const ApiOperation& remove = (*yaml)->operations()[1];
    EXPECT_NE(remove.response(204), nullptr);
    EXPECT_EQ(remove.response(404), nullptr);
    EXPECT_TRUE(ApiDocument::parse(R"({"openapi":"3.0.3","paths":{}})", "o.json").has_value());
}

TEST(Document, what_is_none_is_refused_with_a_reason) {
    const auto says = [](const std::string& text) {
        const auto read = ApiDocument::parse(text, "o.yaml");
        return read ? std::string{} : read.error().context;
    };
    EXPECT_EQ(says("swagger: '2.0'\npaths: {}\n"),
              "o.yaml is no OpenAPI document of version 3.0 or 3.1; convert it from Swagger 2 first");
    EXPECT_EQ(says("hello"), "o.yaml is no OpenAPI document of version 3.0 or 3.1");
    EXPECT_EQ(says("openapi: 3.0.0\n"), "o.yaml has no \"paths\"");
    EXPECT_NE(says("a: [").find("o.yaml:1:"), std::string::npos);
    EXPECT_NE(says(std::string(2000, '[')), "");
}

}  // namespace
}  // namespace tl::gateway
