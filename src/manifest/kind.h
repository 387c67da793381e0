// What the schema knows about one kind of value, without its C++ type: how to read it from a node into
// memory, how to write it back, how to describe it. The typed builders of schema.h make these and are the
// only ones to; a kind is immutable and shared from then on. `void*` is safe there because a builder binds a
// kind to a member's type.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "manifest/diagnostics.h"
#include "manifest/node.h"

namespace tl::manifest {

using Json = nlohmann::ordered_json;
class ObjectKind;

// What travels along while a tree is read: where mistakes go, and what the value at hand is called in
// messages.
struct Reader {
    Diagnostics& diagnostics;
    std::string label;                           // "timeout", "an item of methods"
    std::vector<const ObjectKind*> around = {};  // the objects that enclose the value, outermost first

    void error(const Node& node, std::string message, std::string hint = {}) {
        diagnostics.error(node.at, std::move(message), std::move(hint));
    }
    // "<label> must be <wanted>, not <found>"
    void mismatch(const Node& node, std::string_view wanted, std::string hint = {});
};

class SchemaWriter;  // json_schema.h

// One kind of value. The builder that made it saw to it that every void* points at the member type it was
// made for.
class Kind {
  public:
    virtual ~Kind() = default;
    // True if *out was set; otherwise says why not, and leaves *out with what it had or with what was fit for
    // use.
    virtual bool read(const Node& node, void* out, Reader& reader) const = 0;
    // `defaults` is a value of the same type that counts as "not set by anybody", or nullptr: the kind's own.
    [[nodiscard]] virtual Node write(const void* value, const void* defaults) const = 0;
    virtual void describe(Json& schema, SchemaWriter& writer) const = 0;
    // With its article, for messages and documents: "a duration such as 2s".
    [[nodiscard]] virtual std::string wanted() const = 0;
    // The object whose keys can be written here, if any: for hints about misplaced keys and for documents.
    [[nodiscard]] virtual const ObjectKind* object() const { return nullptr; }
    // Whether to print it at all: false for an optional that is not set.
    [[nodiscard]] virtual bool is_set(const void* /*value*/) const { return true; }
};

using KindPtr = std::shared_ptr<const Kind>;

// What a kind must be able to do with memory of a type that it does not know.
// Integers and enums. `least` and `most` are what both the type and the declaration allow.
struct IntegerOps {
    void (*store)(void*, int64_t);
    int64_t (*load)(const void*);
    int64_t least;
    int64_t most;
};
struct NumberOps {
    void (*store)(void*, double);
    double (*load)(const void*);
};
// std::vector. `append` returns a default-made item to read into; its address holds until the next append.
struct ListOps {
    void* (*append)(void* list);
    void (*drop_last)(void* list);
    void (*clear)(void* list);
    size_t (*size)(const void* list);
    const void* (*at)(const void* list, size_t index);
};
// OrderedMap; as ListOps, with the name and its place given first.
struct MapOps {
    void* (*append)(void* map, const std::string& name, Position at);
    void (*drop_last)(void* map);
    void (*clear)(void* map);
    size_t (*size)(const void* map);
    const std::string& (*name)(const void* map, size_t index);
    const void* (*at)(const void* map, size_t index);
};
// std::optional.
struct OptionalOps {
    void* (*emplace)(void* optional);
    void (*reset)(void* optional);
    const void* (*get)(const void* optional);  // nullptr: not set
};
// Located.
struct LocatedOps {
    void* (*value)(void* located);
    const void* (*get)(const void* located);
    void (*place)(void* located, Position at);
};
}  // namespace tl::manifest
