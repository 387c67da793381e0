// Reading and writing one struct by its fields.
#include "manifest/object_kind.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "base/text.h"
#include "manifest/json_schema.h"

namespace tl::manifest {

namespace {

// A member by its offset; the builder took it from a real object of the type.
const void* at(const void* base, size_t offset) { return static_cast<const char*>(base) + offset; }
void* at(void* base, size_t offset) { return static_cast<char*>(base) + offset; }

// A declaration that contradicts itself is a defect of ours: better no process than a wrong one.
[[noreturn]] void wrong_declaration(const std::string& what) {
    fmt::print(stderr, "manifest schema: {}\n", what);
    std::abort();
}

std::vector<std::string> keys_of(const std::vector<Field>& fields) {
    std::vector<std::string> keys;
    for (const Field& field : fields) keys.push_back(field.key);
    return keys;
}

}  // namespace

Field& ObjectKind::last() {
    if (fields_.empty()) wrong_declaration(title_ + " describes a field before it has one");
    return fields_.back();
}

void ObjectKind::add(Field field) {
    if (find(field.key) != nullptr)
        wrong_declaration(fmt::format("{} declares the key \"{}\" twice", title_, field.key));
    fields_.push_back(std::move(field));
}

// Copies the fields, so that the other object can be included in several structs.
void ObjectKind::include(size_t offset, const ObjectKind& other) {
    for (Field field : other.fields_) {
        field.offset += offset;
        add(std::move(field));
    }
    for (const PlacedValidator& one : other.validators_) validate(offset + one.offset, one.run);
    for (const size_t place : other.positions_) keep_position(offset + place);
}

const Field* ObjectKind::find(std::string_view key) const {
    const auto field = std::ranges::find(fields_, key, &Field::key);
    return field == fields_.end() ? nullptr : &*field;
}

bool ObjectKind::read(const Node& node, void* out, Reader& reader) const {
    for (const size_t place : positions_) *static_cast<Position*>(at(out, place)) = node.at;
    if (!node.is_map()) {
        reader.mismatch(node, reader.label == title_ ? "a map" : wanted(),
                        node.is_null() ? "write its keys below it, indented, or {} for the defaults" : "");
        return false;
    }
    const size_t errors_before = reader.diagnostics.errors();
    const std::string label = reader.label;
    // Fields are read in place: what is not written keeps the default that the enclosing struct gave it.
    Node rest = Node::map();
    rest.at = node.at;
    reader.around.push_back(this);
    for (const Entry& entry : node.entries) {
        const Field* field = find(entry.key);
        if (field == nullptr) {
            if (rest_.kind != nullptr) {
                rest.entries.push_back(entry);
            } else {
                unknown_key(entry, reader);
            }
            continue;
        }
        reader.label = field->key;
        field->kind->read(entry.value, at(out, field->offset), reader);
    }
    reader.around.pop_back();
    reader.label = label;
    if (rest_.kind != nullptr) rest_.kind->read(rest, at(out, rest_.offset), reader);
    require_all(node, reader);
    // A check over several keys would only repeat, in other words, that one of them is wrong.
    if (reader.diagnostics.errors() != errors_before) return true;
    for (const PlacedValidator& one : validators_) one.run(at(out, one.offset), node.at, reader.diagnostics);
    return true;
}

void ObjectKind::require_all(const Node& node, Reader& reader) const {
    for (const Field& field : fields_) {
        if (!field.required || node.find(field.key) != nullptr) continue;
        reader.error(node, fmt::format("{} needs the key \"{}\"", title_, field.key),
                     field.example.empty() ? fmt::format("add {}: <{}>", field.key, field.kind->wanted())
                                           : fmt::format("add it, such as {}: {}", field.key, field.example));
    }
}

void ObjectKind::unknown_key(const Entry& entry, Reader& reader) const {
    std::string hint;
    if (!reader.diagnostics.full()) {
        const std::vector<std::string> keys = keys_of(fields_);
        constexpr size_t kFewEnoughToList = 16;
        const std::string_view before_colon = std::string_view{entry.key}.substr(0, entry.key.find(':'));
        if (before_colon != entry.key && find(before_colon) != nullptr) hint = "put a space behind the colon";
        if (hint.empty()) hint = did_you_mean(entry.key, keys);
        if (hint.empty()) hint = where_it_belongs(entry.key, reader);
        if (hint.empty() && keys.size() <= kFewEnoughToList) hint = "known keys: " + base::join(keys, ", ");
    }
    reader.diagnostics.error(entry.at, fmt::format("unknown key \"{}\" in {}", shown(entry.key), title_),
                             std::move(hint));
}

// Indentation goes wrong by one level more often than names are invented.
std::string ObjectKind::where_it_belongs(std::string_view key, const Reader& reader) const {
    for (const Field& field : fields_) {
        const ObjectKind* inner = field.kind->object();
        if (inner != nullptr && inner->find(key) != nullptr) {
            return fmt::format("it belongs under \"{}\"", field.key);
        }
    }
    for (const ObjectKind* outer : reader.around) {
        if (outer != this && outer->find(key) != nullptr) {
            return fmt::format("it belongs into {}, further out", outer->title_);
        }
    }
    return {};
}

// A nested object marks its own keys; everything else is marked as a whole, where it equals the default as
// written. Comparing what is written needs no operator== of the config structs.
Node ObjectKind::write(const void* value, const void* defaults) const {
    if (defaults == nullptr) defaults = prototype_.get();
    Node node = Node::map();
    for (const Field& field : fields_) {
        const void* given = at(value, field.offset);
        const void* usual = at(defaults, field.offset);
        Entry entry{.key = field.key};
        if (!field.kind->is_set(given)) {
            entry.note = field.default_words.empty() ? "not set" : field.default_words;
            node.entries.push_back(std::move(entry));
            continue;
        }
        entry.value = field.kind->write(given, usual);
        const bool speaks_for_itself = entry.value.is_map() && !entry.value.entries.empty();
        if (!speaks_for_itself && !field.required && field.kind->is_set(usual) &&
            same_values(entry.value, field.kind->write(usual, usual))) {
            entry.note = "default";
        }
        node.entries.push_back(std::move(entry));
    }
    if (rest_.kind != nullptr) {
        Node rest = rest_.kind->write(at(value, rest_.offset), nullptr);
        std::ranges::move(rest.entries, std::back_inserter(node.entries));
    }
    return node;
}

std::optional<Node> ObjectKind::default_of(const Field& field) const {
    const void* usual = at(prototype_.get(), field.offset);
    if (field.required || !field.kind->is_set(usual)) return std::nullopt;
    return field.kind->write(usual, usual);
}

void ObjectKind::describe(Json& schema, SchemaWriter& writer) const { writer.refer(schema, *this); }

void ObjectKind::describe_field(const std::string& key, Json& schema, SchemaWriter& writer) const {
    const Field* field = find(key);
    if (field == nullptr) wrong_declaration(fmt::format("{} has no key \"{}\" to stand for it", title_, key));
    field->kind->describe(schema, writer);
}

Json ObjectKind::body(SchemaWriter& writer) const {
    Json properties = Json::object();
    Json required = Json::array();
    for (const Field& field : fields_) {
        Json one = Json::object();
        if (!field.doc.empty()) one["description"] = field.doc;
        field.kind->describe(one, writer);
        // An object's defaults stand at its own keys.
        const std::optional<Node> usual = default_of(field);
        if (usual && !(usual->is_map() && !usual->entries.empty())) one["default"] = to_json(*usual);
        if (!field.example.empty()) one["examples"] = Json::array({example_json(field)});
        properties[field.key] = std::move(one);
        if (field.required) required.push_back(field.key);
    }
    Json schema{{"type", "object"}};
    if (!doc_.empty()) schema["description"] = doc_;
    schema["properties"] = std::move(properties);
    if (!required.empty()) schema["required"] = std::move(required);
    schema["additionalProperties"] = false;
    if (rest_.kind != nullptr) {
        Json rest = Json::object();
        rest_.kind->describe(rest, writer);
        schema["additionalProperties"] = std::move(rest["additionalProperties"]);
        if (rest.contains("propertyNames")) schema["propertyNames"] = std::move(rest["propertyNames"]);
    }
    return schema;
}

}  // namespace tl::manifest
