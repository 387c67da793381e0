#include "app/import/settle.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "app/manifest_checks.h"
#include "app/manifest_model.h"
#include "manifest/document.h"

namespace tl::app {

using manifest::Diagnostic;
using manifest::Node;
using manifest::Position;

namespace {

constexpr size_t kMostPasses = 20;

// The way to a node: keys of maps, and indexes of lists as text.
using Way = std::vector<std::string>;

// To what stands at `at` or, where nothing begins there, just before it.
Way way_to(const Node& root, Position at) {
    Way way;
    for (const Node* node = &root;;) {
        const Node* next = nullptr;
        std::string step;
        for (const manifest::Entry& entry : node->entries) {
            if (entry.at > at) break;
            next = &entry.value;
            step = entry.key;
        }
        for (size_t i = 0; i < node->items.size() && node->items[i].at <= at; ++i) {
            next = &node->items[i];
            step = std::to_string(i);
        }
        if (next == nullptr) return way;
        way.push_back(std::move(step));
        node = next;
    }
}

Node* follow(Node& root, const Way& way, size_t steps) {
    Node* node = &root;
    for (size_t i = 0; i < steps; ++i) {
        if (node->is_list()) {
            node = &node->items.at(std::stoul(way[i]));
            continue;
        }
        const auto entry = std::ranges::find(node->entries, way[i], &manifest::Entry::key);
        if (entry == node->entries.end()) return nullptr;
        node = &entry->value;
    }
    return node;
}

bool is_any(std::string_view word, std::initializer_list<std::string_view> of) {
    return std::ranges::find(of, word) != of.end();
}

// How many steps of the way lead to what has to go: a policy, a key that a route or a service can do without, else the
// route or the service; 0: nothing can be taken out.
size_t steps_to_part(const Way& way) {
    const auto policies = std::ranges::find(way, "policies");
    const auto before = static_cast<size_t>(policies - way.begin());
    if (before + 1 < way.size() && before <= 3) return before + 2;
    if (way.size() >= 3 && way[0] == "gateway" && way[1] == "routes") {
        const bool optional = way.size() > 3 && is_any(way[3], {"timeout", "retry", "priority", "mirror"});
        return optional ? 4 : 3;
    }
    if (way.size() >= 3 && way[0] == "contexts") {
        return way.size() > 3 && !is_any(way[3], {"address", "tls", "protocol"}) ? 4 : 3;
    }
    return way.size() >= 2 && way[0] == "gateway" && way[1] != "routes" ? 2 : 0;
}

bool protects(std::string_view policy) {
    return is_any(policy, {"auth", "allow", "ip", "geo", "agents", "ask", "opa", "openapi"});
}

std::string name_of(const Way& part) {
    if (part.size() > 2 && part[part.size() - 2] == "policies") return fmt::format("the policy \"{}\"", part.back());
    if (part.size() == 3) return part[1] == "routes" ? "this route" : fmt::format("the service \"{}\"", part[2]);
    return fmt::format("\"{}\"", part.back());
}

// One pass over what `check` has found.
class Removal {
  public:
    Removal(Draft& draft, Report& report) : draft_(&draft), report_(&report) {}

    // False: nothing can be done about it.
    bool plan(const Node& written, const Diagnostic& found) {
        Way part = way_to(written, found.at);
        part.resize(steps_to_part(part));
        if (part.empty()) return false;
        const auto [place, is_new] = parts_.emplace(part, &found);
        return is_new || place != parts_.end();
    }

    void carry_out() {
        // Routes by falling index, so that those before keep theirs.
        std::set<size_t, std::greater<>> routes;
        std::set<std::string> services;
        for (const auto& [part, found] : parts_) {
            const std::string why = fmt::format("the manifest cannot have it: {}{}{}", found->message,
                                                found->hint.empty() ? "" : "; ", found->hint);
            if (part.size() == 3 && part[1] == "routes") {
                routes.insert(std::stoul(part[2]));
            } else if (part.size() == 3 && part[0] == "contexts") {
                services.insert(part[2]);
            } else {
                take_out(part, why);
                continue;
            }
            report_->missing(place_of(part), name_of(part), why);
        }
        remove(routes);
        for (const std::string& name : services) remove_service(name);
    }

  private:
    Position place_of(const Way& part) {
        const Node* const node = follow(draft_->root(), part, part.size());
        return node == nullptr ? Position{} : node->at;
    }

    void take_out(const Way& part, const std::string& why) {
        Node* const map = follow(draft_->root(), part, part.size() - 1);
        const Position at = place_of(part);
        if (map == nullptr) return;
        erase(*map, part.back());
        const bool policy = part.size() > 2 && part[part.size() - 2] == "policies";
        if (policy && protects(part.back())) {
            close(*map);
            report_->closed(at, name_of(part), why);
        } else {
            report_->missing(at, name_of(part), why);
        }
    }

    void remove(const std::set<size_t, std::greater<>>& routes) {
        std::vector<Node>& all = child(draft_->gateway(), "routes").items;
        for (const size_t index : routes) all.erase(all.begin() + static_cast<ptrdiff_t>(index));
    }

    // With the routes that lead to it.
    void remove_service(const std::string& name) {
        erase(draft_->services(), name);
        std::erase_if(child(draft_->gateway(), "routes").items, [&](const Node& route) {
            const Node* const to = route.find("to");
            const Node* const join = route.find("join");
            bool uses = to != nullptr && to->text == name;
            if (join != nullptr) {
                uses = std::ranges::any_of(join->find("calls")->entries, [&](const manifest::Entry& call) {
                    const Node* const callee = call.value.find("to");
                    return callee != nullptr && callee->text == name;
                });
            }
            if (uses) report_->missing(route.at, "this route", fmt::format("its service \"{}\" is not there", name));
            return uses;
        });
    }

    Draft* draft_;
    Report* report_;
    std::map<Way, const Diagnostic*> parts_;
};

void tell_shadowed(Draft& draft, const Node& written, const LoadedManifest& loaded, Report& report) {
    for (const Diagnostic& warning : loaded.diagnostics.sorted()) {
        if (warning.kind != kShadowedRoute) continue;
        Way way = way_to(written, warning.at);
        way.resize(std::min<size_t>(way.size(), 3));
        const Node* const route = follow(draft.root(), way, way.size());
        if (route == nullptr) continue;
        report.differs(route->at, "a route before this one takes all its requests",
                       "`trunkline check` names the two; take one out, or give this one a higher priority");
    }
}

}  // namespace

base::Result<std::string> settle(Draft& draft, const std::string& file, Report& report) {
    std::string why;
    for (size_t pass = 0; pass < kMostPasses; ++pass) {
        draft.keep_closed();
        std::string text = draft.to_yaml();
        const LoadedManifest loaded = read_manifest(text, file);
        const manifest::Document written = manifest::parse_document(text, file);
        if (loaded.good()) {
            tell_shadowed(draft, written.root, loaded, report);
            return text;
        }
        Removal removal{draft, report};
        bool any = false;
        const std::vector<Diagnostic> found = loaded.diagnostics.sorted();
        for (const Diagnostic& one : found) {
            if (one.severity != manifest::Severity::error) continue;
            why = one.message;
            if (written.readable && removal.plan(written.root, one)) any = true;
        }
        if (!any) break;
        removal.carry_out();
    }
    return base::fail(base::Code::invalid, fmt::format("no manifest can be made of it: {}", why));
}

}  // namespace tl::app
