// Schemas in a merge: what a schema may say, and what 3.0 says in another way than 3.1.
#include <algorithm>
#include <array>

#include "gateway/openapi/merge_copy.h"

namespace tl::gateway {

namespace {

using Json = DocumentCopy::Json;
using Source = DocumentCopy::Source;

// JSON Schema 2020-12 (core, applicators, validation, annotations) and what OpenAPI adds to it. Identifiers and anchors
// are not among them: a schema has another place here.
constexpr KnownKey kSchema[] = {{"title", Part::text},
                                {"description", Part::text},
                                {"type", Part::type},
                                {"format", Part::text},
                                {"enum", Part::values},
                                {"const", Part::value},
                                {"default", Part::value},
                                {"multipleOf", Part::number},
                                {"minimum", Part::number},
                                {"exclusiveMinimum", Part::number},
                                {"maximum", Part::number},
                                {"exclusiveMaximum", Part::number},
                                {"minLength", Part::count},
                                {"maxLength", Part::count},
                                {"pattern", Part::text},
                                {"contentEncoding", Part::text},
                                {"contentMediaType", Part::text},
                                {"contentSchema", Part::schema},
                                {"items", Part::schema},
                                {"prefixItems", Part::schemas},
                                {"contains", Part::schema},
                                {"minContains", Part::count},
                                {"maxContains", Part::count},
                                {"minItems", Part::count},
                                {"maxItems", Part::count},
                                {"uniqueItems", Part::flag},
                                {"unevaluatedItems", Part::schema},
                                {"properties", Part::schema_map},
                                {"required", Part::texts},
                                {"patternProperties", Part::schema_map},
                                {"additionalProperties", Part::schema},
                                {"propertyNames", Part::schema},
                                {"minProperties", Part::count},
                                {"maxProperties", Part::count},
                                {"unevaluatedProperties", Part::schema},
                                {"dependentRequired", Part::texts_map},
                                {"dependentSchemas", Part::schema_map},
                                {"allOf", Part::schemas},
                                {"anyOf", Part::schemas},
                                {"oneOf", Part::schemas},
                                {"not", Part::schema},
                                {"if", Part::schema},
                                {"then", Part::schema},
                                {"else", Part::schema},
                                {"discriminator", Part::discriminator},
                                {"xml", Part::xml},
                                {"deprecated", Part::flag},
                                {"readOnly", Part::flag},
                                {"writeOnly", Part::flag},
                                {"examples", Part::values},
                                {"example", Part::value}};

constexpr std::array<std::string_view, 7> kTypes{"null", "boolean", "integer", "number", "string", "array", "object"};

bool is_type(const Source& value) {
    return value.is_string() && std::ranges::find(kTypes, value.get_ref<const std::string&>()) != kTypes.end();
}

bool has(const Json& list, const Json& value) { return std::find(list.begin(), list.end(), value) != list.end(); }

bool says_true(const Source& from, const char* key) {
    const auto found = from.find(key);
    return found != from.end() && found->is_boolean() && found->get<bool>();
}

// `minimum: 5, exclusiveMinimum: true` is `exclusiveMinimum: 5`.
void lift_bound(const Source& from, Json& schema, const char* bound, const char* exclusive) {
    if (!says_true(from, exclusive) || !schema.contains(bound)) return;
    Json value = schema[bound];
    schema.erase(bound);
    schema[exclusive] = std::move(value);
}

void lift_null(Json& schema) {
    if (!schema.contains("type")) return;
    Json& type = schema["type"];
    if (type.is_string()) type = Json::array({type});
    if (!has(type, "null")) type.push_back("null");
    if (schema.contains("enum") && !has(schema["enum"], nullptr)) schema["enum"].push_back(nullptr);
}

}  // namespace

std::optional<Json> DocumentCopy::copy_schema(const Source& from, unsigned depth) {
    if (from.is_boolean()) return Json(from.get<bool>());
    if (!from.is_object()) return std::nullopt;
    Json out = Json::object();
    if (const auto reference = from.find("$ref"); reference != from.end() && reference->is_string()) {
        auto made = refer(from, Component::schemas);
        if (!made) return Json{{"description", "Described elsewhere."}};
        if (old_) return made;  // in 3.0 what stands beside a reference means nothing
        out = std::move(*made);
    }
    for (auto& [key, value] : copy_keys(from, kSchema, depth).items()) append_to(out, key, std::move(value));
    lift(from, out);
    return out;
}

std::optional<Json> DocumentCopy::copy_type(const Source& from) {
    if (is_type(from)) return Json(from.get_ref<const std::string&>());
    if (!from.is_array()) return std::nullopt;
    Json out = Json::array();
    for (const Source& one : from) {
        if (is_type(one) && !has(out, one.get_ref<const std::string&>()))
            out.push_back(one.get_ref<const std::string&>());
    }
    return out.empty() ? std::nullopt : std::optional{std::move(out)};
}

std::optional<Json> DocumentCopy::copy_discriminator(const Source& from) {
    if (!from.is_object() || !from.contains("propertyName") || !from["propertyName"].is_string()) return std::nullopt;
    Json out{{"propertyName", from["propertyName"].get_ref<const std::string&>()}};
    const auto mapping = from.find("mapping");
    if (mapping == from.end() || !mapping->is_object()) return out;
    Json names = Json::object();
    for (const auto& [value, schema] : mapping->items()) {
        if (!schema.is_string() || !shared_->spend(value.size() + 32)) continue;
        const auto& text = schema.get_ref<const std::string&>();
        // A name alone is that of a schema of the document.
        const Source wanted{{"$ref", text.starts_with('#') ? text : "#/components/schemas/" + text}};
        if (follow(wanted) == nullptr) continue;
        if (const auto made = refer(wanted, Component::schemas)) append_to(names, value, made->at("$ref"));
    }
    if (!names.empty()) out["mapping"] = std::move(names);
    return out;
}

// What 3.0 says in another way; some 3.1 documents do so too, and mean the same.
void DocumentCopy::lift(const Source& from, Json& schema) const {
    lift_bound(from, schema, "minimum", "exclusiveMinimum");
    lift_bound(from, schema, "maximum", "exclusiveMaximum");
    if (says_true(from, "nullable")) lift_null(schema);
    // copy_keys keeps one of the two.
    if (const auto example = schema.find("example"); example != schema.end()) {
        Json list = Json::array({*example});
        schema.erase("example");
        schema["examples"] = std::move(list);
    }
    if (!old_ || schema.value("type", Json{}) != "string") return;
    const std::string format = schema.value("format", std::string{});
    if (format != "byte" && format != "binary") return;
    schema.erase("format");
    if (format == "byte") schema["contentEncoding"] = "base64";
    if (format == "binary") schema["contentMediaType"] = "application/octet-stream";
}

}  // namespace tl::gateway
