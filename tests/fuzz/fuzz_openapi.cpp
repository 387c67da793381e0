// Documents of OpenAPI, and what becomes of them in the portal's: every reference of it leads somewhere in it, nothing
// that is not of OpenAPI is copied, and it can be written.
#include <cstdlib>

#include "gateway/openapi/merge.h"
#include "gateway/openapi/write_yaml.h"

namespace {

using Json = nlohmann::ordered_json;

// Schemas and references of components; examples and the like are the document's own words.
void check(const Json& value, const Json& root, bool names) {
    if (!value.is_structured()) return;
    for (const auto& [key, part] : value.items()) {
        if (!names && key == "servers") std::abort();
        if (key == "examples" || key == "example" || key == "default" || key == "enum" || key == "const") continue;
        if (key == "$ref" && part.is_string() && !names) {
            if (!root.contains(Json::json_pointer(part.get_ref<const std::string&>().substr(1)))) std::abort();
        }
        // What stands below these are names of the document.
        check(part, root,
              value.is_object() && !names &&
                  (key == "properties" || key == "patternProperties" || key == "dependentSchemas" ||
                   key == "dependentRequired" || key == "mapping" || key == "content" || key == "headers" ||
                   key == "schemas"));
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace tl;
    const std::string text{reinterpret_cast<const char*>(data), size};
    const auto document = gateway::ApiDocument::parse(text, "fuzz");
    if (!document) return 0;
    proxy::RouteRule rules[3];
    const char* const paths[] = {"/a/*", "/*", "/a/{x}"};
    gateway::MergeInput input{.title = "t", .version = "1", .description = "", .routes = {}};
    for (size_t i = 0; i < 3; ++i) {
        rules[i].path = proxy::PathPattern::parse(paths[i]).value();
        rules[i].name = paths[i];
        gateway::MergeRoute& route = input.routes.emplace_back();
        route.rule = &rules[i];
        route.service = i == 0 ? "a" : "b";
        route.document = *document;
        route.strict = i != 1;
        if (i == 1) route.rewrite = "/x/*";
    }
    const Json merged = gateway::merge_documents(input).document;
    for (const char* const part : {"paths", "components"}) {
        if (merged.contains(part)) check(merged[part], merged, part == std::string_view{"paths"});
    }
    if (merged.dump(-1, ' ', false, Json::error_handler_t::replace).empty() || gateway::write_yaml(merged).empty())
        std::abort();
    return 0;
}
