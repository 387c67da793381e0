// `trunkline routes --effective PATH`: which route takes a request, and which policies hold there, with the place where
// each was written. From the manifest alone: what runs may be behind it until `apply`.
#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "app/manifest_model.h"
#include "app/plane_builder.h"
#include "app/up.h"
#include "gateway/door.h"
#include "manifest/json_schema.h"
#include "manifest/print.h"

namespace tl::app {

namespace {

using Json = nlohmann::ordered_json;

const proxy::Door* gateway_of(const PlanePlan& plan) {
    for (const auto& [key, one] : plan.snapshot->doors) {
        if (key.starts_with("gateway ")) return one.door.get();
    }
    return nullptr;
}

// The route that takes this request; nullptr if none does.
const proxy::Route* find_route(const proxy::Door& door, const EffectiveOptions& options, base::Arena& arena) {
    codec::RequestHead head;
    head.method_text = options.method;
    head.method = codec::method_of(options.method);
    head.authority = options.host;
    head.target = options.path;
    const size_t question = head.target.find('?');
    head.path = head.target.substr(0, question);
    if (question != std::string_view::npos) head.query = head.target.substr(question + 1);
    const auto path = proxy::normalize_path(head.path, arena);
    return path ? door.routes.find(head, *path).route : nullptr;
}

Json origin_json(const gateway::EffectivePolicies::Origin& origin, const manifest::Node& values,
                 const std::string& file) {
    return {{"policy", origin.policy}, {"from", origin.level},       {"file", file},
            {"line", origin.at.line},  {"column", origin.at.column}, {"says", manifest::to_json(values)}};
}

std::string indented(const std::string& text) {
    std::string out;
    size_t at = 0;
    while (at < text.size()) {
        const size_t end = std::min(text.find('\n', at), text.size());
        out += fmt::format("    {}\n", std::string_view{text}.substr(at, end - at));
        at = end + 1;
    }
    return out;
}

int complain(const EffectiveOptions& options, const std::string& sentence) {
    if (options.json) {
        fmt::print("{}\n", Json{{"cause", "no_route"}, {"detail", sentence}}.dump(2));
    } else {
        fmt::print(stderr, "trunkline: {}\n", sentence);
    }
    return kFailed;
}

void show(const EffectiveOptions& options, const gateway::RouteConfig& route, const std::string& name,
          const gateway::EffectivePolicies& effective, const std::string& file) {
    const manifest::Node all = gateway::policies_schema().to_node(effective.policies);
    Json list = Json::array();
    std::string text =
        fmt::format("{} to {}  ({}:{}:{})\n", name, gateway::target_words(route), file, route.at.line, route.at.column);
    for (const auto& origin : effective.origins) {
        const manifest::Node* const values = all.find(origin.policy);
        if (values == nullptr) continue;
        list.push_back(origin_json(origin, *values, file));
        text += fmt::format("  {}  from {} ({}:{}:{})\n", origin.policy, origin.level, file, origin.at.line,
                            origin.at.column);
        text += indented(manifest::to_yaml(*values));
    }
    if (effective.origins.empty()) text += "  no policies\n";
    if (options.json) {
        fmt::print("{}\n",
                   Json{{"route", name}, {"to", gateway::target_words(route)}, {"policies", std::move(list)}}.dump(2));
    } else {
        fmt::print("{}", text);
    }
}

}  // namespace

int run_effective(const EffectiveOptions& options) {
    const auto loaded = load_manifest(options.project.manifest);
    if (!loaded) {
        fmt::print(stderr, "trunkline: {}\n", loaded.error().message());
        return kBadInput;
    }
    if (!loaded->good()) {
        fmt::print(stderr, "{}", loaded->diagnostics.to_text());
        return kBadInput;
    }
    telemetry::NameTable names;
    telemetry::SeriesTable series;
    const PlanePlan plan = build_plane(*loaded, names, series);
    const proxy::Door* const door = gateway_of(plan);
    base::Arena arena;
    const proxy::Route* const found = door == nullptr ? nullptr : find_route(*door, options, arena);
    if (found == nullptr) {
        return complain(options, fmt::format("no route takes {} {}{}; 'trunkline routes' lists them", options.method,
                                             options.path, options.host.empty() ? "" : " for " + options.host));
    }
    const gateway::GatewayConfig& config = loaded->manifest.gateway;
    const gateway::RouteConfig route = gateway::every_route(config).at(found->index);
    const auto of_service = [&](const std::string& service) { return policies_of(loaded->manifest, service); };
    show(options, route, found->rule.name,
         gateway::effective_policies(gateway::policy_levels(config, route, of_service)),
         std::filesystem::path{loaded->file}.filename().string());
    return kOk;
}

}  // namespace tl::app
