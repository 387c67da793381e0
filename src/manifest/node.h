// The tree that a manifest's text becomes: nulls, scalars, lists and maps, each value and each key with the
// place where it was written. Scalars keep their text (what it means is the schema's decision) and whether it
// was quoted. Plain values: copied and moved freely, owned by whoever holds the Document, safe to read from
// every core. The same tree is what a schema writes when it prints values; then `note` becomes the comment
// behind the line.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tl::manifest {

// 1-based; columns count characters, not bytes. {0, 0} is "nowhere": a value that nobody wrote.
struct Position {
    uint32_t line = 0;
    uint32_t column = 0;

    [[nodiscard]] bool known() const { return line != 0; }
    auto operator<=>(const Position&) const = default;
};

struct Entry;

struct Node {
    enum class Kind : uint8_t { null, scalar, list, map };

    Kind kind = Kind::null;
    bool quoted = false;         // scalar: written in quotes or as a block (| or >)
    Position at;                 // of an empty value: of its key
    std::string text;            // scalar
    std::vector<Node> items;     // list
    std::vector<Entry> entries;  // map, in written order, keys unique

    [[nodiscard]] bool is_null() const { return kind == Kind::null; }
    [[nodiscard]] bool is_scalar() const { return kind == Kind::scalar; }
    [[nodiscard]] bool is_list() const { return kind == Kind::list; }
    [[nodiscard]] bool is_map() const { return kind == Kind::map; }
    // The value under `key` of a map; nullptr if there is none or this is no map.
    [[nodiscard]] const Node* find(std::string_view key) const;

    [[nodiscard]] static Node scalar(std::string text, bool quoted = false);
    [[nodiscard]] static Node list();
    [[nodiscard]] static Node map();
};

struct Entry {
    std::string key;
    Position at;  // of the key
    Node value;
    std::string note;  // only for printing: a comment; with a null value the whole entry is printed as one
};

// Text from a manifest as a message may show it: no control characters, not too long.
[[nodiscard]] std::string shown(std::string_view text);

// "nothing", "a list", "a map", or the scalar itself, cut to a readable length: for "..., not <found>".
[[nodiscard]] std::string found(const Node& node);

// Whether two trees say the same, wherever and however quoted.
[[nodiscard]] bool same_values(const Node& a, const Node& b);

}  // namespace tl::manifest
