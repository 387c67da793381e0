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

std::string found(const Node& node) {
    constexpr size_t kMost = 60;
    switch (node.kind) {
        case Node::Kind::null: return "nothing";
        case Node::Kind::list: return "a list";
        case Node::Kind::map: return "a map";
        case Node::Kind::scalar: break;
    }
    return '"' + base::printable(node.text, kMost) + '"';
}

bool same_values(const Node& a, const Node& b) {
    if (a.kind != b.kind || a.text != b.text) return false;
    const auto same_entry = [](const Entry& x, const Entry& y) {
        return x.key == y.key && same_values(x.value, y.value);
    };
    return std::ranges::equal(a.items, b.items, same_values) && std::ranges::equal(a.entries, b.entries, same_entry);
}

}  // namespace tl::manifest
