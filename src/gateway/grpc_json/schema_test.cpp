#include "gateway/grpc_json/schema.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "gateway/grpc_json/grpc_json_testing.h"
#include "gateway/grpc_json/mapping.h"
#include "gateway/grpc_json/reflection_bytes.h"

namespace tl::gateway {

namespace {

// The message that JSON, a query and a path make, as JSON again; or all that is wrong.
std::string through(std::string_view json, GrpcInput::Values query = {}, GrpcInput::Values path = {},
                    const JsonRules& rules = {}) {
    const GrpcSchemaPtr schema = shop_schema();
    const GrpcMethod& method = schema->methods().front();
    GrpcInput input{.query = std::move(query), .path = std::move(path)};
    const auto document = json.empty() ? Document() : read_json(json).value();
    if (!json.empty()) input.body = &document;
    const auto made = schema->encode(method, input, rules);
    if (!made) return base::join(made.error(), " | ");
    return schema->decode(method, "", *made, rules).value_or("cannot be read back");
}

// A field of bytes: its tag, its length, its bytes.
std::string field_of(int number, const std::string& bytes) {
    std::string all(1, static_cast<char>(number << 3 | 2));
    for (size_t n = bytes.size();; n >>= 7U) {
        all += static_cast<char>(n >= 128 ? (n & 127U) | 128U : n);
        if (n < 128) break;
    }
    all += bytes;
    return all;
}

std::string error_of(const std::vector<std::string>& files) {
    const auto made = GrpcSchema::of_files(files);
    return made ? "" : made.error();
}

}  // namespace

TEST(GrpcSchema, knows_services_and_methods) {
    const GrpcSchemaPtr schema = shop_schema();
    EXPECT_EQ(schema->services(), std::vector<std::string>{"shop.Orders"});
    ASSERT_EQ(schema->methods().size(), 3U);
    EXPECT_EQ(schema->methods()[1].name, "shop.Orders/Watch");
    EXPECT_TRUE(schema->methods()[1].server_streams);
    EXPECT_TRUE(schema->methods()[2].client_streams);
}

TEST(GrpcSchema, that_cannot_be_used_says_why) {
    EXPECT_EQ(GrpcSchema::load("no set").error(), "it is no descriptor set");
    EXPECT_EQ(GrpcSchema::load("").error(), "it is no descriptor set");
    EXPECT_EQ(error_of({"\xff\xff"}), "one of its files is no descriptor");
    EXPECT_EQ(error_of({file_bytes(R"(name: "a.proto" dependency: "b.proto")")}), "b.proto is imported and not there");
    EXPECT_EQ(error_of({file_bytes(R"(name: "a.proto" dependency: "b.proto")"),
                        file_bytes(R"(name: "b.proto" dependency: "a.proto")")}),
              "a.proto imports itself");
    // Servers in JavaScript do not name what they import.
    const std::string uses = R"(name: "a.proto" package: "a" message_type { name: "A" field { name: "b" number: 1
        label: LABEL_OPTIONAL type: TYPE_MESSAGE type_name: ".b.B" } field { name: "t" number: 2
        label: LABEL_OPTIONAL type: TYPE_MESSAGE type_name: "google.protobuf.Timestamp" } })";
    EXPECT_EQ(error_of({file_bytes(uses), file_bytes(R"(name: "b.proto" package: "b" message_type { name: "B" })")}),
              "");
    const std::string twice = R"(name: "a.proto" message_type { name: "A" } message_type { name: "A" })";
    EXPECT_TRUE(error_of({file_bytes(twice)}).contains("already defined")) << error_of({file_bytes(twice)});
}

TEST(GrpcSchema, puts_values_from_everywhere_into_one_message) {
    EXPECT_EQ(through(R"({"totalCents": 5, "items": [{"sku": "a"}]})"), R"({"totalCents":"5","items":[{"sku":"a"}]})");
    EXPECT_EQ(through("", {{"main.part.sku", "x"}, {"tags", "a"}, {"tags", "b"}}, {{"id", "7"}}),
              R"({"id":"7","main":{"part":{"sku":"x"}},"tags":["a","b"]})");
    EXPECT_EQ(through(R"({"id": "body"})", {}, {{"id", "path"}}), R"({"id":"path"})");
    EXPECT_EQ(through("", {{"state", "PAID"}, {"gift", "true"}, {"weight", "-1.5"}, {"at", "1970-01-01T00:00:01Z"}}),
              R"({"at":"1970-01-01T00:00:01Z","state":"PAID","weight":-1.5,"gift":true})");
    EXPECT_EQ(through(R"({"total_cents": null})", {}, {}, {.defaults = false, .proto_names = true}), "{}");
    EXPECT_EQ(through(R"({"total_cents": 1})", {}, {}, {.proto_names = true}), R"({"total_cents":"1"})");
}

TEST(GrpcSchema, tells_all_that_is_wrong) {
    EXPECT_EQ(
        through(R"({"totalCent": 1, "items": [{"sku": 1}, 2]})"),
        "\"totalCent\" is no field of shop.Order; did you mean \"totalCents\"? | \"items[0].sku\" must be a string | "
        "\"items[1]\" must be an object, a shop.Item");
    EXPECT_EQ(through("", {{"main", "x"}}), "\"main\" is no single value: it belongs into a body");
    EXPECT_EQ(through("", {{"tags.x", "x"}}), "\"tags.x\" is no field of shop.Order");
    EXPECT_EQ(through("", {{"at.seconds", "1"}}), "\"at.seconds\" is no field of shop.Order");
    EXPECT_EQ(through("", {{"id", "\xff"}}), "\"id\" is no UTF-8");
    EXPECT_EQ(through(R"({"no": 1})", {{"nor.this", "x"}}, {}, {.ignore_unknown = true}), "{}");
}

TEST(GrpcSchema, refuses_bytes_that_are_no_message) {
    const GrpcSchemaPtr schema = shop_schema();
    const GrpcMethod& method = schema->methods().front();
    for (const std::string_view bytes : {"\xff", "\x0a\x05x", "\x0a\x02\xc3\x28", "\x08\x01\x0f"}) {
        EXPECT_FALSE(schema->decode(method, "", bytes, {})) << base::to_hex(bytes);
    }
    std::string deep;
    for (int i = 0; i < 200; ++i) deep = field_of(2, deep);  // a part of a part of ...
    EXPECT_FALSE(schema->decode(method, "", field_of(4, deep), {}));
    EXPECT_EQ(schema->decode(method, "tags", "", {}).value(), "[]");
    EXPECT_EQ(schema->decode(method, "main", "", {}).value(), "null");
    EXPECT_EQ(schema->decode(method, "totalCents", "", {}).value(), "\"0\"");
}

TEST(GrpcSchema, writes_a_field_once_however_its_bytes_come) {
    const GrpcSchemaPtr schema = shop_schema();
    const std::string bytes =
        "\x0a\x01"
        "a"
        "\x3a\x01"
        "x"
        "\x0a\x01"
        "b"
        "\x3a\x01"
        "y";
    EXPECT_EQ(schema->decode(schema->methods().front(), "", bytes, {}).value(), R"({"id":"b","tags":["x","y"]})");
}

TEST(GrpcSchema, bounds_the_json_that_a_message_becomes) {
    const GrpcSchemaPtr schema = shop_schema();
    std::string items;
    for (int i = 0; i < 20000; ++i) items += std::string("\x1a\0", 2);
    const JsonRules small{.defaults = true, .most = 100'000};
    EXPECT_EQ(schema->decode(schema->methods().front(), "", items, small).error(), "it becomes more than 100000 bytes");
    EXPECT_TRUE(schema->decode(schema->methods().front(), "", items, {.defaults = true}));
}

TEST(GrpcMapping, finds_the_method_of_a_path) {
    GrpcConfig config;
    std::vector<GrpcComplaint> wrong;
    const auto path = proxy::PathPattern::parse("/shop.Orders/*").value();
    const auto mapping = GrpcMapping::make(shop_schema(), config, path, "", wrong);
    EXPECT_TRUE(wrong.empty());
    EXPECT_EQ(mapping->bindings().size(), 2U);  // not the one that takes a stream
    EXPECT_EQ(mapping->find("POST", "/shop.Orders/Get").binding->method->name, "shop.Orders/Get");
    EXPECT_EQ(mapping->find("POST", "/shop.Orders/Put").binding, nullptr);
    const auto other = mapping->find("GET", "/shop.Orders/Get");
    EXPECT_EQ(other.binding, nullptr);
    EXPECT_EQ(other.elsewhere, std::vector<std::string_view>{"POST"});
}

TEST(Reflection, is_asked_and_read) {
    const std::string asked = reflection_request(ReflectionAsk::symbol, "a.B");
    EXPECT_EQ(asked, std::string("\0\0\0\0\x05\x22\x03"
                                 "a.B",
                                 10));
    const auto frame = [](const std::string& message) {
        return std::string("\0\0\0\0", 4) + static_cast<char>(message.size()) + message;
    };
    const auto said = parse_reflection(frame("\x32\x05\x0a\x03\x0a\x01S") +
                                           frame("\x22\x03\x0a\x01"
                                                 "F") +
                                           frame("\x3a\x06\x08\x05\x12\x02no"),
                                       100);
    ASSERT_TRUE(said.has_value());
    EXPECT_EQ(said->services, std::vector<std::string>{"S"});
    EXPECT_EQ(said->files, std::vector<std::string>{"F"});
    EXPECT_EQ(said->error, "no");
    EXPECT_FALSE(parse_reflection(frame("x").substr(0, 5), 100));
    EXPECT_FALSE(parse_reflection(std::string("\1\0\0\0\0", 5), 100));
    const FileNames names =
        imports_of({file_bytes(R"(name: "a" dependency: "b" dependency: "google/protobuf/any.proto")")});
    EXPECT_EQ(names.missing, std::vector<std::string>{"b"});
}

}  // namespace tl::gateway
