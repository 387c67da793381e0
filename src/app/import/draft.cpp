#include "app/import/draft.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "manifest/print.h"

namespace tl::app {

using manifest::Entry;
using manifest::Node;
using manifest::Position;

namespace {

constexpr size_t kLongestLabel = 63;

Entry* entry_of(Node& map, std::string_view key) {
    const auto found = std::ranges::find(map.entries, key, &Entry::key);
    return found == map.entries.end() ? nullptr : &*found;
}

}  // namespace

Node text_node(std::string text, Position at) {
    const bool quoted = !manifest::reads_as_text(text);
    Node node = Node::scalar(std::move(text), quoted);
    node.at = at;
    return node;
}

Node word_node(std::string word, Position at) {
    Node node = Node::scalar(std::move(word));
    node.at = at;
    return node;
}

Node list_node(const std::vector<std::string>& texts, Position at) {
    Node node = Node::list();
    node.at = at;
    for (const std::string& text : texts) node.items.push_back(text_node(text, at));
    return node;
}

Node map_node(Position at) {
    Node node = Node::map();
    node.at = at;
    return node;
}

void put(Node& map, std::string_view key, Node value, std::string note) {
    if (Entry* const found = entry_of(map, key)) {
        found->value = std::move(value);
        found->note = std::move(note);
        return;
    }
    const Position at = value.at;
    map.entries.push_back({.key = std::string{key}, .at = at, .value = std::move(value), .note = std::move(note)});
}

Node& child(Node& map, std::string_view key, Position at) {
    if (entry_of(map, key) == nullptr) put(map, key, map_node(at));
    return entry_of(map, key)->value;
}

void erase(Node& map, std::string_view key) {
    std::erase_if(map.entries, [&](const Entry& entry) { return entry.key == key; });
}

Draft::Draft(std::string_view system) : root_(Node::map()) {
    put(root_, "system", word_node(label_of(system)));
    put(child(root_, "gateway"), "routes", Node::list());
    put(child(root_, "contexts"), kContext, Node::map());
}

Node& Draft::services() { return child(child(root_, "contexts"), kContext); }

Node* Draft::service(std::string_view name) {
    Entry* const found = entry_of(services(), name);
    return found == nullptr ? nullptr : &found->value;
}

bool Draft::add_route(Node route) {
    std::vector<Node>& routes = child(gateway(), "routes").items;
    if (routes.size() == kMostRoutes) return false;
    routes.push_back(std::move(route));
    return true;
}

std::string Draft::add_service(std::string_view wanted, Node service) {
    if (service_count() == kMostServices) return {};
    const std::string label = label_of(wanted);
    size_t& last = labels_[label];  // the number that such a label got last; 0: none did
    std::string name = label;
    // "policies" stands beside the services of a context.
    bool is_free = last == 0 && name != "policies" && this->service(name) == nullptr;
    for (last = std::max<size_t>(last, 1); !is_free; is_free = this->service(name) == nullptr) {
        const std::string suffix = fmt::format("-{}", ++last);
        name = label.substr(0, kLongestLabel - suffix.size()) + suffix;
    }
    put(services(), name, std::move(service));
    return name;
}

size_t Draft::route_count() const { return root_.find("gateway")->find("routes")->items.size(); }

size_t Draft::service_count() const { return root_.find("contexts")->find(kContext)->entries.size(); }

void Draft::keep_closed() {
    const auto closed = [](const Node& place) {
        const Node* const policies = place.find("policies");
        return policies != nullptr && is_closed(*policies);
    };
    const auto close_own = [](Node& place) {
        Entry* const policies = entry_of(place, "policies");
        if (policies != nullptr && policies->value.find("allow") != nullptr) close(policies->value);
    };
    const bool all = closed(gateway());
    std::set<std::string_view> services;
    for (Entry& entry : this->services().entries) {
        if (all) close_own(entry.value);
        if (closed(entry.value)) services.insert(entry.key);
    }
    for (Node& route : child(gateway(), "routes").items) {
        const Node* const to = route.find("to");
        if (all || (to != nullptr && services.contains(to->text))) close_own(route);
    }
}

std::string Draft::to_yaml() {
    std::vector<Entry>& entries = gateway().entries;
    const auto routes = std::ranges::find(entries, "routes", &Entry::key);
    if (routes != entries.end()) std::rotate(routes, routes + 1, entries.end());
    return manifest::to_yaml(root_);
}

bool is_closed(const Node& policies) {
    const Node* const allow = policies.find("allow");
    const Node* const scopes = allow == nullptr ? nullptr : allow->find("scopes");
    return scopes != nullptr && std::ranges::find(scopes->items, Draft::kClosed, &Node::text) != scopes->items.end();
}

void close(Node& policies) {
    Node allow = map_node(policies.at);
    put(allow, "scopes", list_node({std::string{Draft::kClosed}}, policies.at));
    put(policies, "allow", std::move(allow), "nobody passes: the report says what is missing");
}

std::string label_of(std::string_view text) {
    std::string label;
    for (const char c : text) {
        const char low = base::to_lower(c);
        const bool fits = (low >= 'a' && low <= 'z') || (low >= '0' && low <= '9');
        if (fits) {
            label += low;
        } else if (!label.empty() && label.back() != '-') {
            label += '-';
        }
        if (label.size() == kLongestLabel) break;
    }
    while (label.ends_with('-')) label.pop_back();
    if (label.empty()) return "service";
    // A number would be read as one.
    const bool numeric = label.find_first_not_of("0123456789-") == std::string::npos;
    return numeric ? ("service-" + label).substr(0, kLongestLabel) : label;
}

std::string authority_of(std::string_view host, unsigned port) {
    const bool bare_v6 = host.contains(':') && !host.starts_with('[');
    return bare_v6 ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

}  // namespace tl::app
