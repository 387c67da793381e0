// JSON Schema as OpenAPI 3.0 and 3.1 use it (Schema Object; JSON Schema 2020-12), compiled once when the manifest is
// loaded and then used to judge bodies and parameters. What is judged is a parsed document of simdjson; what is wrong
// with it is collected, not stopped at. Immutable, shared by cores; the set that compiled a schema owns it.
#pragma once

#include <re2/re2.h>
#include <simdjson.h>

#include <deque>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace tl::gateway {

// "body/items/0/sku: must be a string". At most kMostViolations are kept.
using Violations = std::vector<std::string>;
inline constexpr size_t kMostViolations = 50;

// Where a value stands in what is judged, put into words only when somebody has to be told: "body/items/3/note". Lives
// in the frames of the walk; names are views.
class ValuePlace {
  public:
    explicit ValuePlace(std::string_view root) : name_(root) {}
    ValuePlace(const ValuePlace& outer, std::string_view name) : outer_(&outer), name_(name) {}
    ValuePlace(const ValuePlace& outer, size_t index) : outer_(&outer), index_(index) {}

    // Names are cut at 64 bytes: they come from clients.
    [[nodiscard]] std::string text() const;

  private:
    const ValuePlace* outer_ = nullptr;
    std::string_view name_;
    size_t index_ = 0;
};

struct Schema {
    enum Type : uint8_t { null = 1, boolean = 2, integer = 4, number = 8, string = 16, array = 32, object = 64 };
    static constexpr uint8_t kAny = 127;

    uint8_t types = kAny;
    bool never = false;                  // the schema "false"
    std::vector<nlohmann::json> values;  // enum, const; empty: any
    // number
    std::optional<double> least, most, above, below, multiple;
    // string; lengths in characters (RFC 8259 says what one is)
    std::optional<uint64_t> shortest, longest;
    std::unique_ptr<re2::RE2> pattern;
    std::string format;
    // array
    std::vector<const Schema*> first;  // prefixItems
    const Schema* items = nullptr;
    std::optional<uint64_t> least_items, most_items;
    bool unique = false;
    // object
    std::map<std::string, const Schema*, std::less<>> properties;
    std::vector<std::pair<std::unique_ptr<re2::RE2>, const Schema*>> by_pattern;
    std::vector<std::string> required;
    bool closed = false;             // additionalProperties: false
    const Schema* others = nullptr;  // additionalProperties
    std::optional<uint64_t> least_properties, most_properties;
    // combinations
    std::vector<const Schema*> all, any, one;
    const Schema* none = nullptr;  // not

    // Whether `value` fits; what is wrong goes to `violations`, with `where` in front.
    bool judge(simdjson::dom::element value, const ValuePlace& where, Violations& violations) const;
    [[nodiscard]] bool allows(uint8_t type) const { return (types & type) != 0; }
};

// The schemas of one document. References are followed inside of the document only.
class SchemaSet {
  public:
    explicit SchemaSet(const nlohmann::json& document) : document_(&document) {}
    SchemaSet(const SchemaSet&) = delete;
    SchemaSet& operator=(const SchemaSet&) = delete;

    // The schema that stands at `json`, a part of the document; the same one for the same place. `place` is for
    // messages.
    const Schema* compile(const nlohmann::json& json, const std::string& place);
    // Where a "$ref" leads; nullptr if nowhere. Follows references to references.
    [[nodiscard]] const nlohmann::json* resolve(const nlohmann::json& json) const;

    // What could not be understood, and is not judged: "/components/schemas/X: pattern ...".
    [[nodiscard]] const std::vector<std::string>& remarks() const { return remarks_; }

  private:
    void fill(Schema& schema, const nlohmann::json& json, const std::string& place);
    void fill_values(Schema& schema, const nlohmann::json& json, const std::string& place);
    void fill_array(Schema& schema, const nlohmann::json& json, const std::string& place);
    void fill_object(Schema& schema, const nlohmann::json& json, const std::string& place);
    void fill_combinations(Schema& schema, const nlohmann::json& json, const std::string& place);
    [[nodiscard]] std::unique_ptr<re2::RE2> pattern_of(const std::string& text, const std::string& place);

    const nlohmann::json* document_;
    std::deque<Schema> schemas_;
    std::map<const nlohmann::json*, const Schema*> known_;
    std::vector<std::string> remarks_;
};

}  // namespace tl::gateway
