#include "gateway/openapi/write_yaml.h"

#include "manifest/print.h"

namespace tl::gateway {

namespace {

manifest::Node node_of(const nlohmann::ordered_json& from) {
    using manifest::Node;
    if (from.is_null()) return Node{};
    if (from.is_string()) {
        // In quotes where a reader would take it for a number, a truth or nothing.
        const auto& text = from.get_ref<const std::string&>();
        return Node::scalar(text, !manifest::reads_as_text(text));
    }
    if (from.is_object()) {
        Node out = Node::map();
        for (const auto& [key, value] : from.items()) out.entries.push_back({key, {}, node_of(value), {}});
        return out;
    }
    if (!from.is_array()) return Node::scalar(from.dump());
    Node out = Node::list();
    for (const auto& value : from) out.items.push_back(node_of(value));
    return out;
}

}  // namespace

std::string write_yaml(const nlohmann::ordered_json& document) { return manifest::to_yaml(node_of(document)); }

}  // namespace tl::gateway
