// What becomes of several documents in one: paths as clients see them, names, references, what 3.0 says otherwise, and
// documents that mean harm.
#include "gateway/openapi/merge.h"

#include <gtest/gtest.h>

#include <deque>

#include "gateway/openapi/merge_paths.h"
#include "gateway/openapi/write_yaml.h"

namespace tl::gateway {
namespace {

using Json = nlohmann::ordered_json;

ApiDocumentPtr document(const std::string& text) {
    auto read = ApiDocument::parse(text, "test.yaml");
    EXPECT_TRUE(read.has_value()) << (read ? "" : read.error().context);
    return *read;
}

// "{paths}" of a document of that version.
ApiDocumentPtr paths(const std::string& text, const std::string& version = "3.1.0", const std::string& more = "") {
    return document("{openapi: " + version + ", info: {title: t, version: '1'}, paths: " + text + more + "}");
}

struct Door {
    std::deque<proxy::RouteRule> rules;
    MergeInput input{.title = "Shop", .version = "1", .description = "", .routes = {}};

    MergeRoute& add(const std::string& path, const std::string& service, ApiDocumentPtr contract = nullptr,
                    std::vector<std::string> methods = {}) {
        proxy::RouteRule& rule = rules.emplace_back();
        rule.path = proxy::PathPattern::parse(path).value();
        rule.name = path;
        rule.methods = std::move(methods);
        MergeRoute& route = input.routes.emplace_back();
        route.rule = &rule;
        route.service = service;
        route.document = std::move(contract);
        return route;
    }
    [[nodiscard]] Json merged() const { return merge_documents(input).document; }
};

std::vector<std::string> keys(const Json& object) {
    std::vector<std::string> out;
    for (const auto& [key, value] : object.items()) out.push_back(key);
    return out;
}
using Names = std::vector<std::string>;

// The schema that a schema becomes, as the body of one operation.
Json lifted(const std::string& schema, const std::string& version = "3.0.3", const std::string& more = "") {
    Door door;
    door.add(
        "/*", "a",
        paths("{/x: {post: {requestBody: {content: {application/json: {schema: " + schema + "}}}}}}", version, more));
    const Json merged = door.merged();
    return merged["paths"]["/x"]["post"]["requestBody"]["content"]["application/json"].value("schema", Json{});
}

TEST(MergePaths, before_a_rewrite) {
    const auto back = [](const char* pattern, const char* rewrite, const char* path) {
        return before_rewrite(proxy::PathPattern::parse(pattern).value(), rewrite, path).value_or("none");
    };
    EXPECT_EQ(back("/api/orders/*", "/orders/*", "/orders/{id}/items"), "/api/orders/{id}/items");
    EXPECT_EQ(back("/api/orders/*", "/orders/*", "/orders"), "/api/orders");
    EXPECT_EQ(back("/api/orders/*", "/*", "/"), "/api/orders/");
    EXPECT_EQ(back("/api/orders/*", "/orders/*", "/items"), "none");
    EXPECT_EQ(back("/u/{id}/pic", "/pictures/{id}", "/pictures/{name}"), "/u/{name}/pic");
    EXPECT_EQ(back("/u/{id}/pic", "/pictures/{id}", "/pictures/{name}/x"), "none");
}

TEST(MergePaths, names) {
    EXPECT_EQ(names_in("/a/{b}/{c}.json"), (Names{"b", "c"}));
    EXPECT_EQ(with_names("/a/{b}/{c", "{}"), "/a/{}/{c");
    EXPECT_EQ(with_names("/a/{b}/{c}", Names{"x", "y"}), "/a/{x}/{y}");
    EXPECT_EQ(openapi_path(proxy::PathPattern::parse("/a/{b}/*").value()), "/a/{b}/{rest}");
}

TEST(Merge, operations_stand_where_clients_find_them) {
    Door door;
    MergeRoute& orders =
        door.add("/api/orders/*", "orders",
                 paths("{/orders: {get: {}, post: {}}, '/orders/{id}': {get: {}}, /other: {get: {}}}"));
    orders.base = "/api";
    door.add("/api/orders/{id}", "readers", nullptr, {"GET"});
    const Json merged = door.merged();
    // GET of one order goes elsewhere, /other to nobody.
    EXPECT_EQ(keys(merged["paths"]), (Names{"/api/orders", "/api/orders/{id}"}));
    EXPECT_EQ(keys(merged["paths"]["/api/orders"]), (Names{"get", "post"}));
    EXPECT_EQ(merged["paths"]["/api/orders/{id}"]["get"]["tags"], Json::array({"readers"}));
    EXPECT_EQ(merged["servers"][0]["url"], "/");
}

TEST(Merge, a_rewrite_leads_back_where_the_contract_is_not_enforced) {
    Door door;
    MergeRoute& route = door.add("/api/orders/*", "orders", paths("{'/orders/{id}': {get: {}}}"));
    route.rewrite = "/orders/*";
    EXPECT_EQ(keys(door.merged()["paths"]), Names{}) << "the gateway refuses all of it";
    door.input.routes[0].strict = false;
    // The route's own line stands there too: "*" takes more than the document has.
    const Json merged = door.merged();
    EXPECT_EQ(keys(merged["paths"]), Names{"/api/orders/{id}"});
    EXPECT_EQ(merged["paths"]["/api/orders/{id}"]["get"]["x-trunkline"]["judged"], false);
}

TEST(Merge, hidden_and_internal_operations_are_left_out) {
    Door door;
    door.add("/a/*", "a", paths("{/a: {get: {x-internal: true}, post: {}}, /a/b: {x-internal: true, get: {}}}"));
    door.add("/b/*", "b").shown = false;
    door.add("/*", "c").document = nullptr;
    const Json merged = door.merged();
    EXPECT_EQ(keys(merged["paths"]), (Names{"/a", "/{rest}"}));
    EXPECT_EQ(keys(merged["paths"]["/a"]), Names{"post"});
    EXPECT_EQ(merged.dump().find("/b"), std::string::npos);
}

TEST(Merge, routes_with_conditions_stand_back_and_tell_only_the_names) {
    Door door;
    door.add("/a", "preview");
    door.rules.back().headers = {{"X-Preview", "open-sesame-with-many-letters"}};
    door.rules.back().query = {{"v", "2"}, {"w", std::nullopt}};
    door.add("/b", "partners");
    door.rules.back().host = "*.partners.example";
    door.add("/a", "plain");
    const Json merged = door.merged();
    EXPECT_EQ(merged["paths"]["/a"]["get"]["tags"][0], "plain");
    EXPECT_EQ(merged["paths"]["/b"]["get"]["x-trunkline"]["host"], "*.partners.example");
    door.rules.back().path = proxy::PathPattern::parse("/c").value();
    const Json alone = door.merged();
    EXPECT_EQ(alone["paths"]["/a"]["get"]["x-trunkline"]["headers"], Json::array({"X-Preview"}));
    EXPECT_EQ(alone["paths"]["/a"]["get"]["x-trunkline"]["query"], Json::array({"v", "w"}));
    EXPECT_EQ(alone.dump().find("sesame"), std::string::npos);
}

TEST(Merge, what_is_not_of_openapi_is_not_copied) {
    Door door;
    door.add("/*", "a",
             paths("{/x: {servers: [{url: 'http://10.0.0.7'}], get: {x-secret: s3cret, externalDocs: {url: "
                   "'http://wiki.corp'}, "
                   "servers: [{url: 'http://10.0.0.8'}], responses: {'200': {description: 5, x-y: s3cret, links: {a: "
                   "{operationRef: 'http://10.0.0.9'}}}, nonsense: {}}}}}"));
    const std::string text = door.merged().dump();
    for (const char* const secret : {"10.0.0", "s3cret", "wiki", "nonsense"})
        EXPECT_EQ(text.find(secret), std::string::npos) << secret;
    EXPECT_EQ(door.merged()["paths"]["/x"]["get"]["responses"]["200"], (Json{{"description", ""}}));
}

TEST(Merge, names_that_two_documents_use_get_a_prefix_in_both) {
    const char* const body =
        "{/%: {get: {operationId: list, responses: {default: {description: d, content: {application/json: {schema: "
        "{$ref: '#/components/schemas/Error'}}}}}}}}";
    const auto of = [&](const std::string& name, const std::string& more) {
        std::string text = body;
        text.replace(text.find('%'), 1, name);
        return paths(text, "3.1.0",
                     ", components: {schemas: {Error: {type: " + more + "}, Only" + name + ": {type: string}}}");
    };
    for (const bool swapped : {false, true}) {
        Door door;
        const auto a = of("a", "object");
        const auto b = of("b", "string");
        door.add(swapped ? "/b/*" : "/a/*", swapped ? "b" : "a", swapped ? b : a);
        door.add(swapped ? "/a/*" : "/b/*", swapped ? "a" : "b", swapped ? a : b);
        const Json merged = door.merged();
        EXPECT_EQ(keys(merged["components"]["schemas"]), (Names{"a.Error", "b.Error"}));
        EXPECT_EQ(merged["components"]["schemas"]["a.Error"]["type"], "object");
        const Json& get = merged["paths"]["/a"]["get"];
        EXPECT_EQ(get["operationId"], "a.list");
        EXPECT_EQ(get["responses"]["default"]["content"]["application/json"]["schema"]["$ref"],
                  "#/components/schemas/a.Error");
    }
}

TEST(Merge, references_come_along_in_circles_and_into_the_middle_of_a_document) {
    Door door;
    door.add("/*", "a",
             paths("{/x: {get: {responses: {'200': {$ref: '#/components/responses/Ok'}, '404': {$ref: "
                   "'common.yaml#/x'}, '500': {$ref: '#/components/responses/Round'}}}}}",
                   "3.1.0",
                   ", components: {responses: {Ok: {description: ok, content: {application/json: {schema: {$ref: "
                   "'#/components/schemas/Node'}}}}, Round: {$ref: '#/components/responses/Round'}},"
                   " schemas: {Node: {type: object, properties: {next: {$ref: '#/components/schemas/Node'}, name: "
                   "{$ref: '#/components/schemas/Other/properties/deep name'}, far: {$ref: 'https://x.example/y'}, "
                   "self: {$ref: '#/components/schemas/self'}}},"
                   " self: {$ref: '#/components/schemas/self'}, Other: {properties: {deep name: {type: integer}}}}}"));
    const Merged merged = merge_documents(door.input);
    const Json& schemas = merged.document["components"]["schemas"];
    const std::string other = "a.components_schemas_Other_properties_deep_name";
    EXPECT_EQ(keys(schemas), (Names{"Node", other}));
    EXPECT_EQ(schemas["Node"]["properties"]["next"]["$ref"], "#/components/schemas/Node");
    EXPECT_EQ(schemas["Node"]["properties"]["name"]["$ref"], "#/components/schemas/" + other);
    EXPECT_FALSE(schemas["Node"]["properties"]["far"].contains("$ref"));
    EXPECT_FALSE(schemas["Node"]["properties"]["self"].contains("$ref"));
    EXPECT_EQ(keys(merged.document["paths"]["/x"]["get"]["responses"]), Names{"200"});
    ASSERT_EQ(merged.notes.size(), 1U);
    EXPECT_EQ(merged.notes[0], "a: a reference that leads out of its document or nowhere was left out");
}

TEST(Merge, lifts_3_0_to_3_1) {
    EXPECT_EQ(lifted("{type: string, nullable: true}"), (Json{{"type", {"string", "null"}}}));
    EXPECT_EQ(lifted("{type: string, nullable: true, enum: [a]}"),
              (Json{{"type", {"string", "null"}}, {"enum", {"a", nullptr}}}));
    EXPECT_EQ(lifted("{type: integer, minimum: 5, exclusiveMinimum: true, maximum: 9, exclusiveMaximum: false}"),
              (Json{{"type", "integer"}, {"maximum", 9}, {"exclusiveMinimum", 5}}));
    EXPECT_EQ(lifted("{type: string, example: a}"), (Json{{"type", "string"}, {"examples", {"a"}}}));
    EXPECT_EQ(lifted("{type: string, format: byte}"), (Json{{"type", "string"}, {"contentEncoding", "base64"}}));
    EXPECT_EQ(lifted("{type: string, format: binary}"),
              (Json{{"type", "string"}, {"contentMediaType", "application/octet-stream"}}));
    EXPECT_EQ(lifted("{properties: {a: {type: array, items: {type: number, nullable: true}}}}")["properties"]["a"]
                                                                                               ["items"]["type"],
              (Json{"number", "null"}));
    // Beside a reference nothing counts in 3.0, in 3.1 it does.
    const char* const more = ", components: {schemas: {A: {type: string}}}";
    EXPECT_EQ(lifted("{$ref: '#/components/schemas/A', description: d}", "3.0.3", more),
              (Json{{"$ref", "#/components/schemas/A"}}));
    EXPECT_EQ(lifted("{$ref: '#/components/schemas/A', description: d}", "3.1.0", more),
              (Json{{"$ref", "#/components/schemas/A"}, {"description", "d"}}));
}

TEST(Merge, values_of_the_wrong_kind_are_left_out) {
    EXPECT_EQ(lifted("{type: [string, 5, text], minLength: -1, required: x, properties: [1], allOf: [], items: 7, "
                     "title: {}, discriminator: {}, enum: [1]}",
                     "3.1.0"),
              (Json{{"type", {"string"}}, {"enum", {1}}}));
    EXPECT_EQ(
        lifted(
            "{discriminator: {propertyName: p, mapping: {a: A, b: '#/components/schemas/A', c: Nobody, d: 'x.yaml'}}}",
            "3.1.0", ", components: {schemas: {A: {}}}"),
        (Json{{"discriminator",
               {{"propertyName", "p"},
                {"mapping", {{"a", "#/components/schemas/A"}, {"b", "#/components/schemas/A"}}}}}}));
}

TEST(Merge, documents_with_words_for_flags_are_read) {
    Door door;
    door.add("/*", "a",
             paths("{/x: {post: {parameters: [{name: q, in: query, required: 'yes', explode: 5}], requestBody: "
                   "{required: 'no', content: {a/b: 7}}}}}"));
    EXPECT_FALSE(door.merged()["paths"]["/x"]["post"]["parameters"][0].contains("required"));
}

TEST(Merge, parameters_fit_their_path) {
    Door door;
    door.add(
        "/a/{x}", "a",
        paths(
            "{'/a/{id}': {parameters: [{$ref: '#/components/parameters/Id'}, {name: q, in: query}], get: {parameters: "
            "[{name: q, in: query, required: true, schema: {type: integer}}, {name: gone, in: path}]}}}",
            "3.1.0", ", components: {parameters: {Id: {name: id, in: path, schema: {type: integer}, style: form}}}"),
        {"GET"});
    door.add("/a/{x}", "b",
             paths("{'/a/{key}': {put: {parameters: [{name: key, in: path, description: k}]}, delete: {}}}"),
             {"PUT", "DELETE"});
    const Json merged = door.merged();
    ASSERT_EQ(keys(merged["paths"]), Names{"/a/{id}"}) << "one path, whatever its parameter is called";
    const Json& item = merged["paths"]["/a/{id}"];
    EXPECT_EQ(
        item["get"]["parameters"],
        Json::parse(
            R"([{"name":"id","in":"path","schema":{"type":"integer"},"required":true},{"name":"q","in":"query","required":true,"schema":{"type":"integer"}}])"));
    EXPECT_EQ(item["put"]["parameters"][0]["name"], "id");
    EXPECT_EQ(item["put"]["parameters"][0]["description"], "k");
    EXPECT_EQ(item["delete"]["parameters"][0]["schema"]["type"], "string");
}

TEST(Merge, schemes_have_one_name_each_and_scopes) {
    Door door;
    const MergeScheme a{"key", {{"type", "apiKey"}, {"in", "header"}, {"name", "A"}}};
    const MergeScheme b{"key", {{"type", "apiKey"}, {"in", "header"}, {"name", "B"}}};
    door.add("/a", "a").access = [&](const std::string&) { return MergeAccess{.any_of = {a}, .scopes = {"read"}}; };
    door.add("/b", "b").access = [&](const std::string&) {
        return MergeAccess{.any_of = {b, a}, .scopes = {}, .anonymous = true};
    };
    door.add("/c", "c");
    const Json merged = door.merged();
    EXPECT_EQ(keys(merged["components"]["securitySchemes"]), (Names{"key", "key-2"}));
    EXPECT_EQ(merged["paths"]["/a"]["get"]["security"], Json::parse(R"([{"key":["read"]}])"));
    EXPECT_EQ(merged["paths"]["/b"]["get"]["security"], Json::parse(R"([{"key-2":[]},{"key":[]},{}])"));
    EXPECT_EQ(merged["paths"]["/c"]["get"]["security"], Json::parse("[{}]"));
}

TEST(Merge, documents_that_mean_harm_end_somewhere) {
    // Deep: what reads it would recurse.
    std::string deep =
        R"({"openapi":"3.1.0","info":{"title":"t","version":"1"},"paths":{"/x":{"post":{"requestBody":{"content":{"a/b":{"schema":)";
    const std::string end = "}}}}}}}";
    const auto nested = [&](int levels) {
        std::string text = deep;
        for (int i = 0; i < levels; ++i) text += R"({"items":)";
        text += "{}";
        text.append(static_cast<size_t>(levels), '}');
        return text + end;
    };
    EXPECT_FALSE(ApiDocument::parse(nested(100'000), "deep.json").has_value());
    Door door;
    door.add("/x", "a", document(nested(100)));
    EXPECT_TRUE(door.merged()["paths"].contains("/x"));
    // Many names, and more than a merged document may hold.
    std::string many = "{openapi: 3.1.0, info: {title: t, version: '1'}, paths: {";
    for (int i = 0; i < 20'000; ++i)
        many += "/x/p" + std::to_string(i) + ": {get: {summary: " + std::string(120, 'a') + "}}, ";
    many += "}}";
    Door large;
    large.add("/x/*", "a", document(many));
    large.add("/y/*", "b", large.input.routes[0].document).base = "/y";
    large.input.routes[0].base = "";
    const Merged merged = merge_documents(large.input);
    EXPECT_LT(merged.document.dump().size(), 12U << 20);
}

TEST(WriteYaml, texts_stay_texts) {
    const Json all{{"a", "true"},         {"b", true},
                   {"c", "1.5"},          {"d", 1.5},
                   {"e", nullptr},        {"f", "null"},
                   {"g", "x: y #"},       {"h", Json::array()},
                   {"i", Json::object()}, {"j", {1, "2", {{"k", "\x01\xc2\x85 \n"}}}},
                   {"l m: n", "-"},       {"200", "plain words"}};
    EXPECT_EQ(write_yaml(all),
              "a: \"true\"\nb: true\nc: \"1.5\"\nd: 1.5\ne: null\nf: \"null\"\ng: \"x: y #\"\nh: []\ni: {}\nj:\n  - "
              "1\n  - \"2\"\n"
              "  - k: \"\\x01\\x85 \\n\"\n\"l m: n\": \"-\"\n\"200\": plain words\n");
}

}  // namespace
}  // namespace tl::gateway
