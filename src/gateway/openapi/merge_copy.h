// Parts of one OpenAPI document as parts of the merged one (merge.h): the walk over what OpenAPI knows, kind by kind.
// A reference becomes one to a component of the merged document, which is copied when its turn comes; so neither
// circles nor chains of references are followed by recursion. Lives in the frame of a merge.
#pragma once

#include <deque>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tl::gateway {

// What a value of a document has to be.
enum class Part : uint8_t {
    text,
    flag,
    number,
    count,
    value,
    values,
    texts,
    texts_map,
    type,
    schema,
    schemas,
    schema_map,
    discriminator,
    xml,
    media_map,
    encoding_map,
    // These may be references to components; the order is that of kKinds in merge_copy.cpp.
    header_map,
    example_map,
    response,
    request_body,
};

// The kinds of components that a merged document has.
enum class Component : uint8_t { schemas, responses, request_bodies, headers, examples };
[[nodiscard]] std::string_view to_string(Component kind);
inline constexpr size_t kComponentKinds = 5;

struct KnownKey {
    std::string_view name;
    Part part;
};

// What all documents of a merge share: the components, their names, what may still be copied.
class MergeShared {
  public:
    explicit MergeShared(size_t most) : left_(most) {}

    // A document declares its names before anything is copied: what two of them use gets a prefix in both, whoever
    // comes first.
    void declare(const nlohmann::json& tree);
    // A free name for a component; `wished` holds what names may hold.
    [[nodiscard]] std::string name_for(Component kind, const std::string& document, std::string_view wished, bool own);
    // False when what a merged document may hold is used up.
    [[nodiscard]] bool spend(size_t bytes);
    [[nodiscard]] bool used_up() const { return left_ == 0; }
    void note(std::string sentence);

    std::map<std::string, nlohmann::ordered_json> components[kComponentKinds];
    std::vector<std::string> notes;

  private:
    size_t left_ = 0;
    std::map<std::string, int> declared_[kComponentKinds];
    std::set<std::string> taken_[kComponentKinds];
};

// `object[key] = value` for a key that is not there yet: without looking through all that are.
void append_to(nlohmann::ordered_json& object, std::string key, nlohmann::ordered_json value);
// The characters that a component's name may have (OpenAPI 3.1.1, 4.8.7); "_" in the place of others.
[[nodiscard]] std::string component_name(std::string_view text);

class DocumentCopy {
  public:
    using Json = nlohmann::ordered_json;
    using Source = nlohmann::json;
    static constexpr unsigned kDeepest = 128;  // levels of a part

    // `name` stands in front of names that two documents use; `tree` and `shared` outlive the copy.
    DocumentCopy(const Source& tree, std::string name, MergeShared& shared);

    // summary, description, deprecated, parameters (with those of its path, none by reference), requestBody, responses.
    // With it come the components that it needs.
    [[nodiscard]] Json operation(const Source& item, const Source& operation);
    // Where a "$ref" leads, through any number of them; nullptr: out of the document, nowhere, or in a circle.
    [[nodiscard]] const Source* follow(const Source& given) const;
    [[nodiscard]] const std::string& name() const { return name_; }

  private:
    [[nodiscard]] std::optional<Json> copy(const Source& from, Part part, unsigned depth);
    [[nodiscard]] std::optional<Json> copy_scalar(const Source& from, Part part);
    [[nodiscard]] std::optional<Json> copy_value(const Source& from, unsigned depth);
    [[nodiscard]] std::optional<Json> copy_list(const Source& from, Part part, unsigned depth);
    [[nodiscard]] std::optional<Json> copy_map(const Source& from, Part part, unsigned depth);
    [[nodiscard]] std::optional<Json> copy_entry(const Source& from, Part part, unsigned depth);
    [[nodiscard]] Json copy_keys(const Source& from, std::span<const KnownKey> keys, unsigned depth);
    // A reference to the component at `from`'s "$ref", or nothing if it leads nowhere.
    [[nodiscard]] std::optional<Json> refer(const Source& from, Component kind);
    [[nodiscard]] std::optional<Json> copy_component(const Source& from, Component kind, unsigned depth);
    [[nodiscard]] std::optional<Json> copy_parameter(const Source& from);
    [[nodiscard]] Json copy_parameters(const Source& item, const Source& operation);
    [[nodiscard]] Json copy_responses(const Source& from);
    void copy_pending();

    // merge_schema.cpp
    [[nodiscard]] std::optional<Json> copy_schema(const Source& from, unsigned depth);
    [[nodiscard]] std::optional<Json> copy_type(const Source& from);
    [[nodiscard]] std::optional<Json> copy_discriminator(const Source& from);
    void lift(const Source& from, Json& schema) const;

    const Source* tree_;
    std::string name_;
    MergeShared* shared_;
    bool old_ = false;                                                // 3.0
    std::map<std::pair<Component, std::string>, std::string> names_;  // by pointer
    struct Pending {
        Component kind;
        std::string name;
        const Source* from;
    };
    std::deque<Pending> pending_;
};

}  // namespace tl::gateway
