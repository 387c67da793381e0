#include "app/plan_settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"

namespace tl::app {

using manifest::Node;

namespace {

// Told by others: the routes, the addresses to listen on, and the services one by one.
constexpr std::array<std::string_view, 4> kElsewhere{"gateway.routes", "gateway.listen", "gateway.tcp", "contexts"};
// Looked at once, when Trunkline starts.
constexpr std::array<std::string_view, 5> kAtStart{"gateway.threads", "gateway.limits.connections", "telemetry",
                                                   "ports", "admin"};

std::string text_of(const Node* node) {
    if (node == nullptr || node->is_null()) return "not set";
    if (node->is_scalar()) return node->text.empty() ? "not set" : base::printable(node->text, 80);
    return node->is_list() ? fmt::format("{} items", node->items.size()) : fmt::format("{} keys", node->entries.size());
}

bool is_below(std::string_view path, std::string_view root) {
    return path.starts_with(root) && (path.size() == root.size() || path[root.size()] == '.');
}

// Calls `differs` with the path and both values of each key, of either tree, that is not the same in both.
template <class Differs>
void compare(const std::string& path, const Node* now, const Node* next, const Differs& differs) {
    static const Node kNothing;
    if (now == nullptr) now = &kNothing;
    if (next == nullptr) next = &kNothing;
    if (same_values(*now, *next) || std::ranges::find(kElsewhere, path) != kElsewhere.end()) return;
    if (!now->is_map() && !next->is_map()) return differs(path, now, next);
    const std::string prefix = path.empty() ? "" : path + ".";
    for (const auto& entry : now->entries) compare(prefix + entry.key, &entry.value, next->find(entry.key), differs);
    for (const auto& entry : next->entries) {
        if (now->find(entry.key) == nullptr) compare(prefix + entry.key, nullptr, &entry.value, differs);
    }
}

// The keys of a service that decide about its process: supervisor::plan speaks of them.
bool is_run_key(std::string_view path) {
    static const Node kRun = supervisor::run_schema().to_node({});
    const std::string_view key = path.substr(0, path.find('.'));
    return key == "address" || key == "version_of" ||
           std::ranges::any_of(kRun.entries, [&](const auto& entry) { return entry.key == key; });
}

void compare_service(const NamedService& now, const NamedService& next, console::PlanView& view) {
    const Node before = service_schema().to_node(*now.config);
    const Node after = service_schema().to_node(*next.config);
    compare("", &before, &after, [&](const std::string& path, const Node* from, const Node* to) {
        if (is_run_key(path)) return;
        view.changes.push_back({"service", next.name->value, "change",
                                fmt::format("{}: {} -> {}, without a restart", path, text_of(from), text_of(to))});
    });
}

}  // namespace

void compare_settings(const Manifest& now, const Manifest& next, console::PlanView& view) {
    const Node before = manifest_schema().to_node(now);
    const Node after = manifest_schema().to_node(next);
    compare("", &before, &after, [&](const std::string& path, const Node* from, const Node* to) {
        const bool gateway = is_below(path, "gateway");
        view.changes.push_back({gateway ? "gateway" : "system", gateway ? path.substr(8) : path, "change",
                                fmt::format("{} -> {}", text_of(from), text_of(to))});
        const bool late = std::ranges::any_of(kAtStart, [&](std::string_view root) { return is_below(path, root); });
        if (late) view.warnings.push_back(path + " takes effect with the next `trunkline up` only");
    });
    for (const NamedService& service : services_of(next)) {
        for (const NamedService& old : services_of(now)) {
            if (old.name->value == service.name->value) compare_service(old, service, view);
        }
    }
}

}  // namespace tl::app
