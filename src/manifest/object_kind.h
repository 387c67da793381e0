// The kind of a map with known keys: the fields of one config struct. Object<T> in schema.h fills it in; it
// does not change after that. Fields are found by their offset in the struct; keys of an included struct
// stand among them.
#pragma once

#include <functional>
#include <optional>

#include "manifest/kinds.h"

namespace tl::manifest {

struct Field {
    std::string key;
    size_t offset = 0;  // in the struct
    KindPtr kind;
    bool required = false;
    std::string doc;
    std::string example;        // as written in a manifest
    std::string default_words;  // in place of a default that no value can say: "one a core"
};

class ObjectKind final : public Kind {
  public:
    using Validator = std::function<void(const void* value, Position at, Diagnostics& diagnostics)>;

    // `prototype` is a value with every default, kept alive by this kind.
    ObjectKind(std::string title, std::shared_ptr<const void> prototype)
        : title_(std::move(title)), prototype_(std::move(prototype)) {}

    // While building. Aborts on a key that exists already: the declaration is wrong.
    void add(Field field);
    void include(size_t offset, const ObjectKind& other);
    void validate(size_t offset, Validator validator) { validators_.push_back({offset, std::move(validator)}); }
    void keep_position(size_t offset) { positions_.push_back(offset); }
    // Keys that are no field's go into this member, by a kind that reads maps.
    void take_rest(size_t offset, KindPtr kind) { rest_ = {.key = {}, .offset = offset, .kind = std::move(kind)}; }
    // Of the last field, or of the object itself while it has none.
    void document(std::string sentence) { (fields_.empty() ? doc_ : last().doc) = std::move(sentence); }
    // The field added last; aborts if there is none.
    [[nodiscard]] Field& last();

    bool read(const Node& node, void* out, Reader& reader) const override;
    [[nodiscard]] Node write(const void* value, const void* defaults) const override;
    void describe(Json& schema, SchemaWriter& writer) const override;
    [[nodiscard]] std::string wanted() const override { return title_ + ", written as a map"; }
    [[nodiscard]] const ObjectKind* object() const override { return this; }

    [[nodiscard]] const std::string& title() const { return title_; }  // "a route"
    [[nodiscard]] const std::string& doc() const { return doc_; }
    [[nodiscard]] const std::vector<Field>& fields() const { return fields_; }
    [[nodiscard]] const Field* find(std::string_view key) const;
    // Where keys that are no field's go; nullptr: they are mistakes.
    [[nodiscard]] const KindPtr& rest() const { return rest_.kind; }
    // The default of a field as written, or nothing if it is required or has none.
    [[nodiscard]] std::optional<Node> default_of(const Field& field) const;
    // The object's own schema, not a reference to it.
    [[nodiscard]] Json body(SchemaWriter& writer) const;
    void describe_field(const std::string& key, Json& schema, SchemaWriter& writer) const;

  private:
    struct PlacedValidator {
        size_t offset;
        Validator run;
    };

    void unknown_key(const Entry& entry, Reader& reader) const;
    [[nodiscard]] std::string where_it_belongs(std::string_view key, const Reader& reader) const;
    void require_all(const Node& node, Reader& reader) const;

    std::string title_;
    std::string doc_;
    std::shared_ptr<const void> prototype_;
    std::vector<Field> fields_;
    std::vector<PlacedValidator> validators_;
    Field rest_;                     // without a kind: other keys are mistakes
    std::vector<size_t> positions_;  // offsets of Position members that get the map's place
};

}  // namespace tl::manifest
