// From the text of a schema to what judges by it.
#include <fmt/format.h>

#include <array>

#include "gateway/openapi/schema.h"

namespace tl::gateway {

using nlohmann::json;

namespace {

// More references than this in a row are a circle.
constexpr int kMostReferences = 32;

constexpr std::array<std::pair<std::string_view, uint8_t>, 7> kTypes{{{"null", Schema::null},
                                                                      {"boolean", Schema::boolean},
                                                                      {"integer", Schema::integer},
                                                                      {"number", Schema::number | Schema::integer},
                                                                      {"string", Schema::string},
                                                                      {"array", Schema::array},
                                                                      {"object", Schema::object}}};

uint8_t type_of(const json& name) {
    for (const auto& [known, bits] : kTypes) {
        if (name == known) return bits;
    }
    return 0;
}

std::optional<double> number_at(const json& from, const char* key) {
    const auto found = from.find(key);
    return found != from.end() && found->is_number() ? std::optional{found->get<double>()} : std::nullopt;
}

std::optional<uint64_t> count_at(const json& from, const char* key) {
    const auto found = from.find(key);
    return found != from.end() && found->is_number_unsigned() ? std::optional{found->get<uint64_t>()} : std::nullopt;
}

bool flag_at(const json& from, const char* key) {
    const auto found = from.find(key);
    return found != from.end() && found->is_boolean() && found->get<bool>();
}

}  // namespace

const json* SchemaSet::resolve(const json& given) const {
    const json* at = &given;
    for (int i = 0; i < kMostReferences; ++i) {
        if (!at->is_object()) return at;
        const auto reference = at->find("$ref");
        if (reference == at->end() || !reference->is_string()) return at;
        const auto& text = reference->get_ref<const std::string&>();
        if (!text.starts_with("#/") && text != "#") return nullptr;
        try {
            const json::json_pointer pointer{text.substr(1)};
            if (!document_->contains(pointer)) return nullptr;
            at = &document_->at(pointer);
        } catch (const json::exception&) {
            return nullptr;
        }
    }
    return nullptr;
}

const Schema* SchemaSet::compile(const json& given, const std::string& place) {
    const json* const found = resolve(given);
    if (found == nullptr) {
        remarks_.push_back(fmt::format("{}: {} leads nowhere in this document", place, given["$ref"].dump()));
        return &schemas_.emplace_back();
    }
    if (const auto known = known_.find(found); known != known_.end()) return known->second;
    Schema& schema = schemas_.emplace_back();
    known_[found] = &schema;  // before its parts: they may refer to it
    fill(schema, *found, place);
    return &schema;
}

void SchemaSet::fill(Schema& schema, const json& from, const std::string& place) {
    if (from.is_boolean()) {
        schema.never = !from.get<bool>();
        return;
    }
    if (!from.is_object()) {
        remarks_.push_back(place + ": is no schema");
        return;
    }
    fill_values(schema, from, place);
    fill_array(schema, from, place);
    fill_object(schema, from, place);
    fill_combinations(schema, from, place);
}

void SchemaSet::fill_values(Schema& schema, const json& from, const std::string& place) {
    if (const auto type = from.find("type"); type != from.end()) {
        schema.types = 0;
        if (type->is_array()) {
            for (const json& one : *type) schema.types |= type_of(one);
        } else {
            schema.types = type_of(*type);
        }
        if (schema.types == 0) {
            remarks_.push_back(fmt::format("{}: there is no type {}", place, type->dump()));
            schema.types = Schema::kAny;
        }
        if (flag_at(from, "nullable")) schema.types |= Schema::null;  // OpenAPI 3.0
    }
    if (const auto list = from.find("enum"); list != from.end() && list->is_array()) {
        schema.values.assign(list->begin(), list->end());
    }
    if (const auto constant = from.find("const"); constant != from.end()) schema.values = {*constant};
    schema.least = number_at(from, "minimum");
    schema.most = number_at(from, "maximum");
    schema.above = number_at(from, "exclusiveMinimum");
    schema.below = number_at(from, "exclusiveMaximum");
    // In OpenAPI 3.0 they are flags beside minimum and maximum.
    if (flag_at(from, "exclusiveMinimum")) std::swap(schema.above, schema.least);
    if (flag_at(from, "exclusiveMaximum")) std::swap(schema.below, schema.most);
    schema.multiple = number_at(from, "multipleOf");
    schema.shortest = count_at(from, "minLength");
    schema.longest = count_at(from, "maxLength");
    if (const auto format = from.find("format"); format != from.end() && format->is_string()) schema.format = *format;
    if (const auto pattern = from.find("pattern"); pattern != from.end() && pattern->is_string()) {
        schema.pattern = pattern_of(*pattern, place);
    }
}

// Regular expressions that take linear time only: what RE2 does not know (look-around, back references) is not judged.
std::unique_ptr<re2::RE2> SchemaSet::pattern_of(const std::string& text, const std::string& place) {
    re2::RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(1 << 20);
    auto pattern = std::make_unique<re2::RE2>(text, options);
    if (pattern->ok()) return pattern;
    remarks_.push_back(fmt::format("{}: the pattern \"{}\" is not judged ({})", place, text, pattern->error()));
    return nullptr;
}

void SchemaSet::fill_array(Schema& schema, const json& from, const std::string& place) {
    if (const auto first = from.find("prefixItems"); first != from.end() && first->is_array()) {
        for (const json& one : *first) schema.first.push_back(compile(one, place + "/prefixItems"));
    }
    if (const auto items = from.find("items"); items != from.end()) schema.items = compile(*items, place + "/items");
    schema.least_items = count_at(from, "minItems");
    schema.most_items = count_at(from, "maxItems");
    schema.unique = flag_at(from, "uniqueItems");
}

void SchemaSet::fill_object(Schema& schema, const json& from, const std::string& place) {
    if (const auto properties = from.find("properties"); properties != from.end() && properties->is_object()) {
        for (const auto& [name, value] : properties->items()) {
            schema.properties[name] = compile(value, place + "/properties/" + name);
        }
    }
    if (const auto patterns = from.find("patternProperties"); patterns != from.end() && patterns->is_object()) {
        for (const auto& [text, value] : patterns->items()) {
            auto pattern = pattern_of(text, place);
            if (pattern != nullptr) schema.by_pattern.emplace_back(std::move(pattern), compile(value, place));
        }
    }
    if (const auto required = from.find("required"); required != from.end() && required->is_array()) {
        for (const json& name : *required) {
            if (name.is_string()) schema.required.push_back(name);
        }
    }
    if (const auto others = from.find("additionalProperties"); others != from.end()) {
        schema.closed = *others == false;
        if (others->is_object()) schema.others = compile(*others, place + "/additionalProperties");
    }
    schema.least_properties = count_at(from, "minProperties");
    schema.most_properties = count_at(from, "maxProperties");
}

void SchemaSet::fill_combinations(Schema& schema, const json& from, const std::string& place) {
    const auto list = [&](const char* key, std::vector<const Schema*>& into) {
        const auto found = from.find(key);
        if (found == from.end() || !found->is_array()) return;
        for (const json& one : *found) into.push_back(compile(one, fmt::format("{}/{}", place, key)));
    };
    list("allOf", schema.all);
    list("anyOf", schema.any);
    list("oneOf", schema.one);
    if (const auto none = from.find("not"); none != from.end()) schema.none = compile(*none, place + "/not");
}

}  // namespace tl::gateway
