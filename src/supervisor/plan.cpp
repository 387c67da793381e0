#include "supervisor/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.h"

namespace tl::supervisor {

namespace {

// Keys that say how we handle a process, not what it is: a change needs no restart.
constexpr std::string_view kHandling[] = {"replicas", "grace", "start_deadline", "restart"};

const ServiceSpec* find(const std::vector<ServiceSpec>& specs, std::string_view name) {
    const auto found = std::ranges::find(specs, name, &ServiceSpec::name);
    return found == specs.end() ? nullptr : &*found;
}

std::vector<std::string> changed_keys(const RunConfig& now, const RunConfig& next) {
    const manifest::Node a = run_schema().to_node(now);
    const manifest::Node b = run_schema().to_node(next);
    std::vector<std::string> keys;
    for (const auto& field : run_schema().kind()->fields()) {
        const manifest::Node* one = a.find(field.key);
        const manifest::Node* other = b.find(field.key);
        const bool same = (one == nullptr || other == nullptr) ? one == other : manifest::same_values(*one, *other);
        if (!same) keys.push_back(field.key);
    }
    return keys;
}

std::string listed(std::vector<std::string> words) {
    if (words.size() < 2) return base::join(words, "");
    const std::string last = std::move(words.back());
    words.pop_back();
    return base::join(words, ", ") + " and " + last;
}

Step compare(const ServiceSpec& now, const ServiceSpec& next) {
    std::vector<std::string> restart;
    std::vector<std::string> handling;
    for (std::string& key : changed_keys(now.run, next.run)) {
        const bool is_handling = std::ranges::find(kHandling, key) != std::end(kHandling);
        (is_handling ? handling : restart).push_back(std::move(key));
    }
    if (std::set<std::string>(now.calls.begin(), now.calls.end()) !=
        std::set<std::string>(next.calls.begin(), next.calls.end())) {
        restart.emplace_back("calls");
    }
    if (now.tcp != next.tcp && now.calls == next.calls) restart.emplace_back("the protocol of what it calls");
    if (now.version_of != next.version_of) restart.emplace_back("version_of");
    if (now.folder != next.folder) restart.emplace_back("the manifest's folder");
    if (now.fingerprint != next.fingerprint && !now.fingerprint.empty() && !next.fingerprint.empty()) {
        restart.emplace_back("the content of its environment files or secrets");
    }
    if (!restart.empty()) return {next.name, Action::restart, listed(std::move(restart)) + " changed"};
    if (now.run.replicas != next.run.replicas) {
        return {next.name, Action::scale, fmt::format("{} to {} instances", now.run.replicas, next.run.replicas)};
    }
    if (!handling.empty()) {
        return {next.name, Action::keep, listed(std::move(handling)) + " changed: used from now on, without a restart"};
    }
    return {next.name, Action::keep, ""};
}

}  // namespace

std::string_view to_string(Action action) {
    switch (action) {
        case Action::add: return "add";
        case Action::remove: return "remove";
        case Action::restart: return "restart";
        case Action::scale: return "scale";
        case Action::keep: return "keep";
    }
    return "keep";
}

std::vector<Step> plan(const std::vector<ServiceSpec>& now, const std::vector<ServiceSpec>& next) {
    std::vector<Step> steps;
    for (const ServiceSpec& spec : next) {
        const ServiceSpec* old = find(now, spec.name);
        steps.push_back(old == nullptr ? Step{spec.name, Action::add, "new in the manifest"} : compare(*old, spec));
    }
    for (const ServiceSpec& spec : now) {
        if (find(next, spec.name) == nullptr) steps.push_back({spec.name, Action::remove, "no longer in the manifest"});
    }
    return steps;
}

}  // namespace tl::supervisor
