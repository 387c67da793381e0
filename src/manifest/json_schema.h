// What the kinds share while they describe themselves as JSON Schema (draft 2020-12). Private to this room.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "manifest/kind.h"
#include "manifest/object_kind.h"

namespace tl::manifest {

class SchemaWriter {
  public:
    // {"$ref": ...} to the object, which is added to the definitions when it is met first.
    void refer(Json& schema, const ObjectKind& object);
    [[nodiscard]] Json take_definitions() { return std::move(definitions_); }

  private:
    std::map<const ObjectKind*, std::string> names_;
    std::set<std::string> taken_;
    Json definitions_ = Json::object();
};

// A written value as JSON: a plain scalar is a number or a boolean if it reads as one, everything else is
// text.
[[nodiscard]] Json to_json(const Node& node);
[[nodiscard]] Json example_json(const Field& field);

// The whole schema document of an object that is a manifest's root.
[[nodiscard]] Json schema_document(const ObjectKind& root);

}  // namespace tl::manifest
