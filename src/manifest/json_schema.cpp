// The document around what the kinds say of themselves. Order of keys is the order of declaration: editors
// show it.
#include "manifest/json_schema.h"

#include <charconv>

#include "manifest/document.h"

namespace tl::manifest {

namespace {

// "a health check" -> "health_check"
std::string definition_name(std::string_view title) {
    for (const std::string_view article : {"a ", "an ", "the "}) {
        if (title.starts_with(article)) title.remove_prefix(article.size());
    }
    std::string name;
    for (const char c : title) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        name += plain ? c : '_';
    }
    return name;
}

template <class T>
bool whole(std::string_view text, T& number) {
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
    return ec == std::errc{} && end == text.data() + text.size();
}

// The printer quotes text that looks like a number, so here the look decides.
Json scalar_to_json(const Node& node) {
    if (node.quoted) return node.text;
    if (node.text == "true" || node.text == "false") return node.text == "true";
    int64_t integer = 0;
    if (whole(node.text, integer)) return integer;
    double number = 0;
    const bool numeric = !node.text.empty() && std::string_view{"-0123456789"}.contains(node.text.front());
    if (numeric && whole(node.text, number)) return number;
    return node.text;
}

}  // namespace

void SchemaWriter::refer(Json& schema, const ObjectKind& object) {
    // The name is given before the body is made, so that the order of $defs is that of reading.
    const auto [known, is_new] = names_.emplace(&object, std::string{});
    if (is_new) {
        const std::string wanted = definition_name(object.title());
        std::string name = wanted;
        for (size_t again = 2; !taken_.insert(name).second; ++again) name = wanted + std::to_string(again);
        known->second = name;
        definitions_[name] = Json::object();  // keeps the order of first mention
        Json body = object.body(*this);
        definitions_[name] = std::move(body);
    }
    schema["$ref"] = "#/$defs/" + known->second;
}

Json to_json(const Node& node) {
    switch (node.kind) {
        case Node::Kind::null: return nullptr;
        case Node::Kind::scalar: return scalar_to_json(node);
        case Node::Kind::list: break;
        case Node::Kind::map: {
            Json map = Json::object();
            for (const Entry& entry : node.entries) {
                if (!entry.value.is_null()) map[entry.key] = to_json(entry.value);
            }
            return map;
        }
    }
    Json list = Json::array();
    for (const Node& item : node.items) list.push_back(to_json(item));
    return list;
}

Json example_json(const Field& field) {
    const Document document = parse_document(field.example, "example");
    return document.readable ? to_json(document.root) : Json(field.example);
}

Json schema_document(const ObjectKind& root) {
    SchemaWriter writer;
    Json schema{{"$schema", "https://json-schema.org/draft/2020-12/schema"}, {"title", root.title()}};
    schema.update(root.body(writer));
    schema["$defs"] = writer.take_definitions();
    return schema;
}

}  // namespace tl::manifest
