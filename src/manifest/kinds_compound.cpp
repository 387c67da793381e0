// Kinds made of other kinds: lists, maps, optionals, located values, shorthands for objects.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/text.h"
#include "manifest/json_schema.h"
#include "manifest/kinds.h"
#include "manifest/object_kind.h"

namespace tl::manifest {

namespace {

// Changes the label for what is read inside, and puts it back.
class Inside {
  public:
    Inside(Reader& reader, std::string label)
        : reader_(reader), before_(std::exchange(reader.label, std::move(label))) {}
    ~Inside() { reader_.label = std::move(before_); }
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;
    [[nodiscard]] const std::string& outer() const { return before_; }

  private:
    Reader& reader_;
    std::string before_;
};

// Reports a list or map that is too short or too long; reading goes on with what is allowed of it.
bool check_count(const Node& node, size_t count, size_t least, size_t most, Reader& reader) {
    if (count >= least && count <= most) return true;
    const std::string wanted = count < least ? fmt::format("at least {}", least) : fmt::format("at most {}", most);
    reader.error(node, fmt::format("{} must have {} {}, not {}", reader.label, wanted,
                                   node.is_map() ? "entries" : "items", count));
    return false;
}

// Items are read where they will stay, one after the other; those that cannot be used are taken off again.
class ListKind final : public Kind {
  public:
    ListKind(ListOps ops, KindPtr item, ListRules rules) : ops_(ops), item_(std::move(item)), rules_(rules) {}

    bool read(const Node& node, void* out, Reader& reader) const override {
        if (!node.is_list()) {
            if (!rules_.or_single || node.is_null()) {
                reader.mismatch(node, wanted(), node.is_null() ? "write [] for an empty list" : hint_for(node));
                return false;
            }
            ops_.clear(out);
            if (item_->read(node, ops_.append(out), reader)) return true;
            ops_.drop_last(out);
            return false;
        }
        check_count(node, node.items.size(), rules_.least, rules_.most, reader);
        const std::set<const Node*> again = rules_.unique ? repeated(node, reader) : std::set<const Node*>{};
        ops_.clear(out);
        const Inside inside(reader, "an item of " + reader.label);
        for (size_t i = 0; i < std::min(node.items.size(), rules_.most); ++i) {
            if (again.contains(&node.items[i])) continue;
            if (!item_->read(node.items[i], ops_.append(out), reader)) ops_.drop_last(out);
        }
        return true;
    }
    Node write(const void* value, const void* /*defaults*/) const override {
        Node node = Node::list();
        for (size_t i = 0; i < ops_.size(value); ++i) node.items.push_back(item_->write(ops_.at(value, i), nullptr));
        return node;
    }
    void describe(Json& schema, SchemaWriter& writer) const override {
        Json item = Json::object();
        item_->describe(item, writer);
        Json list{{"type", "array"}, {"items", item}};
        if (rules_.least > 0) list["minItems"] = rules_.least;
        list["maxItems"] = rules_.most;
        if (rules_.unique) list["uniqueItems"] = true;
        if (rules_.or_single) {
            schema["anyOf"] = Json::array({std::move(item), std::move(list)});
        } else {
            schema.update(list);
        }
    }
    std::string wanted() const override {
        return rules_.or_single ? fmt::format("{} or a list of such", item_->wanted())
                                : fmt::format("a list (each item {})", item_->wanted());
    }
    const ObjectKind* object() const override { return item_->object(); }
    bool is_set(const void* value) const override { return ops_.size(value) >= rules_.least; }

  private:
    static std::string hint_for(const Node& node) {
        return node.is_scalar() ? fmt::format("put it into brackets: [{}]", shown(node.text)) : "";
    }
    // Reports the items that stand in the list already, and returns them.
    static std::set<const Node*> repeated(const Node& node, Reader& reader) {
        std::set<const Node*> again;
        std::map<std::string_view, Position> seen;
        for (const Node& item : node.items) {
            if (!item.is_scalar()) continue;
            const auto [first, is_new] = seen.emplace(item.text, item.at);
            if (is_new) continue;
            reader.error(item,
                         fmt::format("{} has {} already on line {}, column {}", reader.label, found(item),
                                     first->second.line, first->second.column),
                         "keep one of them");
            again.insert(&item);
        }
        return again;
    }

    ListOps ops_;
    KindPtr item_;
    ListRules rules_;
};

class MapKind final : public Kind {
  public:
    MapKind(MapOps ops, KindPtr value, MapRules rules)
        : ops_(ops), value_(std::move(value)), rules_(std::move(rules)) {}

    bool read(const Node& node, void* out, Reader& reader) const override {
        if (!node.is_map()) {
            reader.mismatch(node, wanted(), node.is_null() ? "write {} for an empty map" : "");
            return false;
        }
        check_count(node, node.entries.size(), rules_.least, rules_.most, reader);
        ops_.clear(out);
        for (size_t i = 0; i < std::min(node.entries.size(), rules_.most); ++i)
            read_entry(node.entries[i], out, reader);
        return true;
    }
    Node write(const void* value, const void* /*defaults*/) const override {
        Node node = Node::map();
        for (size_t i = 0; i < ops_.size(value); ++i) {
            node.entries.push_back({.key = ops_.name(value, i), .value = value_->write(ops_.at(value, i), nullptr)});
        }
        return node;
    }
    void describe(Json& schema, SchemaWriter& writer) const override {
        schema["type"] = "object";
        Json value = Json::object();
        value_->describe(value, writer);
        schema["additionalProperties"] = std::move(value);
        if (!rules_.names.pattern.empty()) schema["propertyNames"] = {{"pattern", rules_.names.pattern}};
        if (rules_.least > 0) schema["minProperties"] = rules_.least;
        schema["maxProperties"] = rules_.most;
    }
    std::string wanted() const override {
        return fmt::format("a map from {} to {}", rules_.names.wanted, value_->wanted());
    }
    const ObjectKind* object() const override { return value_->object(); }
    bool is_set(const void* value) const override { return ops_.size(value) >= rules_.least; }

  private:
    // An entry with a wrong name is read all the same, for its own mistakes, and then left out.
    void read_entry(const Entry& entry, void* out, Reader& reader) const {
        bool good = false;
        {
            const Inside inside(reader, rules_.names.wanted);
            good = check_text(rules_.names, entry.key, entry.at, reader);
        }
        const Inside inside(reader, fmt::format("\"{}\" in {}", shown(entry.key), reader.label));
        const bool read = value_->read(entry.value, ops_.append(out, entry.key, entry.at), reader);
        if (!good || !read) ops_.drop_last(out);
    }

    MapOps ops_;
    KindPtr value_;
    MapRules rules_;
};

// Not set until something usable is written. A default inside the optional is read over in place.
class OptionalKind final : public Kind {
  public:
    OptionalKind(OptionalOps ops, KindPtr inner) : ops_(ops), inner_(std::move(inner)) {}

    bool read(const Node& node, void* out, Reader& reader) const override {
        const bool had = ops_.get(out) != nullptr;
        void* value = had ? const_cast<void*>(ops_.get(out)) : ops_.emplace(out);
        const bool read = inner_->read(node, value, reader);
        if (!read && !had) ops_.reset(out);
        return read;
    }
    Node write(const void* value, const void* defaults) const override {
        const void* inner = ops_.get(value);
        if (inner == nullptr) return {};
        return inner_->write(inner, defaults == nullptr ? nullptr : ops_.get(defaults));
    }
    void describe(Json& schema, SchemaWriter& writer) const override { inner_->describe(schema, writer); }
    std::string wanted() const override { return inner_->wanted(); }
    const ObjectKind* object() const override { return inner_->object(); }
    bool is_set(const void* value) const override {
        return ops_.get(value) != nullptr && inner_->is_set(ops_.get(value));
    }

  private:
    OptionalOps ops_;
    KindPtr inner_;
};

// Keeps the place only together with the value: a default has none.
class LocatedKind final : public Kind {
  public:
    LocatedKind(LocatedOps ops, KindPtr inner) : ops_(ops), inner_(std::move(inner)) {}

    bool read(const Node& node, void* out, Reader& reader) const override {
        if (!inner_->read(node, ops_.value(out), reader)) return false;
        ops_.place(out, node.at);
        return true;
    }
    Node write(const void* value, const void* defaults) const override {
        return inner_->write(ops_.get(value), defaults == nullptr ? nullptr : ops_.get(defaults));
    }
    void describe(Json& schema, SchemaWriter& writer) const override { inner_->describe(schema, writer); }
    std::string wanted() const override { return inner_->wanted(); }
    const ObjectKind* object() const override { return inner_->object(); }
    bool is_set(const void* value) const override { return inner_->is_set(ops_.get(value)); }

  private:
    LocatedOps ops_;
    KindPtr inner_;
};

// Rewrites the short form to the long one, at the same place, and lets the object read that.
class ShorthandKind final : public Kind {
  public:
    ShorthandKind(std::shared_ptr<const ObjectKind> object, std::string key)
        : object_(std::move(object)), key_(std::move(key)) {}

    bool read(const Node& node, void* out, Reader& reader) const override {
        if (node.is_map() || node.is_null()) return object_->read(node, out, reader);
        Node full = Node::map();
        full.at = node.at;
        full.entries.push_back({.key = key_, .at = node.at, .value = node});
        return object_->read(full, out, reader);
    }
    Node write(const void* value, const void* defaults) const override { return object_->write(value, defaults); }
    void describe(Json& schema, SchemaWriter& writer) const override {
        Json brief = Json::object();
        Json full = Json::object();
        object_->describe_field(key_, brief, writer);
        writer.refer(full, *object_);
        schema["anyOf"] = Json::array({std::move(brief), std::move(full)});
    }
    std::string wanted() const override { return fmt::format("{}, or its {} alone", object_->wanted(), key_); }
    const ObjectKind* object() const override { return object_.get(); }

  private:
    std::shared_ptr<const ObjectKind> object_;
    std::string key_;
};

}  // namespace

KindPtr make_list(ListOps ops, KindPtr item, ListRules rules) {
    return std::make_shared<ListKind>(ops, std::move(item), rules);
}
KindPtr make_map(MapOps ops, KindPtr value, MapRules rules) {
    return std::make_shared<MapKind>(ops, std::move(value), std::move(rules));
}
KindPtr make_optional(OptionalOps ops, KindPtr inner) { return std::make_shared<OptionalKind>(ops, std::move(inner)); }
KindPtr make_located(LocatedOps ops, KindPtr inner) { return std::make_shared<LocatedKind>(ops, std::move(inner)); }
KindPtr make_shorthand(std::shared_ptr<const ObjectKind> object, std::string key) {
    return std::make_shared<ShorthandKind>(std::move(object), std::move(key));
}

}  // namespace tl::manifest
