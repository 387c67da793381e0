// Depth is bounded by the reader (DocumentLimits), so plain recursion over a tree is safe here and elsewhere.
#include "manifest/node.h"

#include <algorithm>

#include "base/text.h"

namespace tl::manifest {

const Node* Node::find(std::string_view key) const {
    const auto entry = std::ranges::find(entries, key, &Entry::key);
    return entry == entries.end() ? nullptr : &entry->value;
}

Node Node::scalar(std::string text, bool quoted) {
    Node node;
    node.kind = Kind::scalar;
    node.quoted = quoted;
    node.text = std::move(text);
    return node;
}

Node Node::list() {
    Node node;
    node.kind = Kind::list;
    return node;
}

Node Node::map() {
    Node node;
    node.kind = Kind::map;
    return node;
}

std::string shown(std::string_view text) {
    constexpr size_t kMost = 60;
    if (text.size() <= kMost) return base::printable(text);
    size_t end = kMost;
    while (end > 0 && (static_cast<uint8_t>(text[end]) & 0xc0) == 0x80) --end;  // not inside a character
    return base::printable(text.substr(0, end)) + "...";
}

std::string found(const Node& node) {
    switch (node.kind) {
        case Node::Kind::null: return "nothing";
        case Node::Kind::list: return "a list";
        case Node::Kind::map: return "a map";
        case Node::Kind::scalar: break;
    }
    return '"' + shown(node.text) + '"';
}

bool same_values(const Node& a, const Node& b) {
    if (a.kind != b.kind || a.text != b.text) return false;
    const auto same_entry = [](const Entry& x, const Entry& y) {
        return x.key == y.key && same_values(x.value, y.value);
    };
    return std::ranges::equal(a.items, b.items, same_values) && std::ranges::equal(a.entries, b.entries, same_entry);
}

}  // namespace tl::manifest
