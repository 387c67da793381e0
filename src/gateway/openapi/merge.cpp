#include "gateway/openapi/merge.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "base/text.h"
#include "gateway/openapi/merge_copy.h"
#include "gateway/openapi/merge_paths.h"
#include "proxy/route_table.h"

namespace tl::gateway {

using Json = nlohmann::ordered_json;
using Source = nlohmann::json;

namespace {

constexpr std::array<std::string_view, 8> kMethods{"get", "put", "post", "delete", "options", "head", "patch", "trace"};
constexpr std::string_view kJoined = "joined";  // the tag of what is no one service's

std::string upper(std::string_view method) {
    std::string out{method};
    std::ranges::transform(out, out.begin(), [](char c) { return static_cast<char>(c - 32); });
    return out;
}

std::string text_at(const Source& from, const char* key) {
    const auto found = from.find(key);
    return found != from.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

bool is_internal(const Source& from) { return from.contains("x-internal") && from["x-internal"] == true; }

// As people read an operation: what it is first, what the gateway adds last.
Json in_order(Json operation) {
    Json out = Json::object();
    for (const char* const key : {"tags", "summary", "description", "operationId", "deprecated", "parameters",
                                  "requestBody", "responses", "security", "x-trunkline"}) {
        if (const auto found = operation.find(key); found != operation.end()) append_to(out, key, std::move(*found));
    }
    return out;
}

// Not every request with its path is its own.
bool is_conditional(const proxy::RouteRule& rule) {
    return !rule.host.empty() || !rule.headers.empty() || !rule.query.empty();
}

class Merge {
  public:
    explicit Merge(const MergeInput& input) : input_(&input), shared_(kMostMergedBytes) {
        std::vector<proxy::Route> routes;
        for (size_t i = 0; i < input.routes.size(); ++i) {
            proxy::Route& route = routes.emplace_back();
            route.rule = *input.routes[i].rule;
            route.index = i;
        }
        table_ = proxy::RouteTable::make(std::move(routes));
    }

    Merged run() {
        for (const MergeRoute& route : input_->routes) know_document(route);
        // What needs more than its path stands back for what does not: a document has one operation for both.
        for (const bool conditional : {false, true}) {
            for (size_t i = 0; i < input_->routes.size(); ++i) {
                const MergeRoute& route = input_->routes[i];
                if (!route.shown || is_conditional(*route.rule) != conditional) continue;
                if (route.document != nullptr) add_document(i);
                add_plain(i);
            }
        }
        Json document = assemble();
        return {std::move(document), std::move(shared_.notes)};
    }

  private:
    struct Place {
        std::string path;
        std::array<std::optional<Json>, kMethods.size()> operations;
    };

    void know_document(const MergeRoute& route) {
        if (!route.shown || route.document == nullptr || copies_.contains(route.document.get())) return;
        std::string name = route.service.empty() ? std::string{kJoined} : route.service;
        for (int i = 2; !names_.insert(name).second; ++i) name = fmt::format("{}-{}", route.service, i);
        const Source& tree = route.document->tree();
        shared_.declare(tree);
        for (const ApiOperation& operation : route.document->operations()) ++ids_[operation.id];
        copies_.emplace(route.document.get(), DocumentCopy{tree, name, shared_});
    }

    // Cheap, and true for what matches: documents of many paths may have as many routes.
    static bool may_match(const proxy::PathPattern& pattern, std::string_view path) {
        const std::string& text = pattern.text();
        const std::string_view front = std::string_view{text}.substr(0, std::min(text.find("/{"), text.find("/*")));
        return path.starts_with(front) || path.contains('%');
    }

    // Whether it is this route that takes such requests.
    bool takes(size_t index, std::string_view path, const std::string& method) const {
        const proxy::RouteRule& rule = *input_->routes[index].rule;
        if (!may_match(rule.path, path)) return false;
        base::Arena arena;
        const std::string asked = with_names(path, "~");
        const auto normal = proxy::normalize_path(asked, arena);
        if (!normal) return false;
        codec::RequestHead head;
        head.method_text = method;
        head.method = codec::method_of(method);
        const std::string host = rule.host.starts_with("*.") ? "any" + rule.host.substr(1) : rule.host;
        head.authority = host;
        for (const proxy::FieldMatch& field : rule.headers)
            head.headers.add(field.name, field.value ? std::string_view{*field.value} : "any");
        std::string query;
        for (const proxy::FieldMatch& field : rule.query) query += field.name + "=" + field.value.value_or("any") + "&";
        head.query = query;
        const proxy::RouteMatch match = table_.find(head, *normal);
        return match.route != nullptr && match.route->index == index;
    }

    // How clients ask for an operation of the route's document; nothing: they cannot.
    std::optional<std::string> reached_as(size_t index, const std::string& path, const std::string& method) const {
        const MergeRoute& route = input_->routes[index];
        std::string asked = route.base.value_or(route.document->base()) + path;
        if (takes(index, asked, method)) return asked;
        // A document of the service's own paths. The gateway lets those through only where it does not insist on it.
        if (route.strict || route.rewrite.empty()) return std::nullopt;
        auto before = before_rewrite(route.rule->path, route.rewrite, route.document->base() + path);
        if (!before || !takes(index, *before, method)) return std::nullopt;
        return before;
    }

    void add_document(size_t index) {
        const MergeRoute& route = input_->routes[index];
        DocumentCopy& copy = copies_.at(route.document.get());
        for (const auto& [path, given] : route.document->tree().at("paths").items()) {
            const Source* const item = copy.follow(given);
            if (item == nullptr || !item->is_object() || !path.starts_with('/') || is_internal(*item)) continue;
            // The gateway does not know such an operation, so it refuses it.
            if (route.strict && !proxy::PathPattern::parse(path)) continue;
            for (size_t method = 0; method < kMethods.size(); ++method) {
                const auto found = item->find(kMethods[method]);
                if (found == item->end() || !found->is_object()) continue;
                const auto asked = reached_as(index, path, upper(kMethods[method]));
                if (!asked) continue;
                if (is_internal(*found)) {
                    internal_.insert({with_names(*asked, "{}"), method});
                    continue;
                }
                Place& place = place_of(*asked);
                if (place.operations[method]) continue;
                place.operations[method] = described(route, copy, *item, *found, *asked, place.path, method);
            }
        }
    }

    Json described(const MergeRoute& route, DocumentCopy& copy, const Source& item, const Source& from,
                   const std::string& asked, const std::string& shown, size_t method) {
        Json operation = operation_of(route, method);
        if (shared_.used_up()) {
            operation["summary"] = "The documents are too large to show what this one needs";
            operation["parameters"] = path_parameters(shown);
            return operation;
        }
        Json copied = copy.operation(item, from);
        Json parameters = fit(copied.value("parameters", Json::array()), names_in(asked), names_in(shown));
        if (!parameters.empty()) copied["parameters"] = std::move(parameters);
        if (std::string id = text_at(from, "operationId"); !id.empty()) {
            if (ids_[id] > 1) id = copy.name() + "." + id;
            std::string free = id;
            for (int i = 2; !taken_ids_.insert(free).second; ++i) free = fmt::format("{}-{}", id, i);
            operation["operationId"] = free;
        }
        operation["x-trunkline"]["described"] = true;
        operation["x-trunkline"]["judged"] = route.strict;
        for (auto& [key, value] : copied.items()) operation[key] = std::move(value);
        return operation;
    }

    // What a route itself says of its requests.
    void add_plain(size_t index) {
        const MergeRoute& route = input_->routes[index];
        // Nothing but its document's operations gets through it.
        if (route.document != nullptr && route.strict) return;
        const std::string path = openapi_path(route.rule->path);
        const auto& methods = route.rule->methods;
        for (size_t method = 0; method < kMethods.size(); ++method) {
            const bool named = std::ranges::find(methods, upper(kMethods[method])) != methods.end();
            if (!named && !(methods.empty() && method == 0)) continue;
            if (!takes(index, path, upper(kMethods[method])) || internal_.contains({with_names(path, "{}"), method}))
                continue;
            Place& place = place_of(path);
            if (place.operations[method]) continue;
            place.operations[method] = operation_of(route, method);
            Json& operation = *place.operations[method];
            operation["summary"] = route.service.empty() ? "An answer joined of several services"
                                   : route.rule->path.has_rest()
                                       ? fmt::format("Everything below {} goes to {}", below(path), route.service)
                                       : fmt::format("Goes to {}", route.service);
            operation["description"] =
                methods.empty() ? "No document describes it; every method is taken." : "No document describes it.";
            if (Json parameters = path_parameters(place.path); !parameters.empty())
                operation["parameters"] = std::move(parameters);
            operation["responses"] = {{"default", {{"description", "What the service answers."}}}};
        }
    }
    static std::string below(const std::string& path) {
        const std::string above = path.substr(0, path.rfind('/'));
        return above.empty() ? "/" : above;
    }

    Place& place_of(const std::string& path) {
        const auto [known, added] = by_shape_.try_emplace(with_names(path, "{}"), places_.size());
        if (added) places_.push_back({path, {}});
        return places_[known->second];
    }

    // Tags, security and what the gateway does, common to all operations.
    Json operation_of(const MergeRoute& route, size_t method) {
        const std::string tag = route.service.empty() ? std::string{kJoined} : route.service;
        tags_used_.insert(tag);
        const MergeAccess access = route.access ? route.access(upper(kMethods[method])) : MergeAccess{};
        Json operation{{"tags", Json::array({tag})}};
        Json security = Json::array();
        for (const MergeScheme& one : access.any_of) security.push_back({{name_of(one), access.scopes}});
        if (access.anonymous || access.any_of.empty()) security.push_back(Json::object());
        operation["security"] = std::move(security);
        Json facts{{"route", route.rule->name}};
        if (!route.context.empty()) facts["context"] = route.context;
        if (!route.rule->host.empty()) facts["host"] = route.rule->host;
        // Their values may be what keeps others out.
        for (const proxy::FieldMatch& field : route.rule->headers) facts["headers"].push_back(field.name);
        for (const proxy::FieldMatch& field : route.rule->query) facts["query"].push_back(field.name);
        facts["described"] = false;
        for (const auto& [key, value] : access.facts.items()) facts[key] = value;
        operation["x-trunkline"] = std::move(facts);
        return operation;
    }

    // The same scheme has one name, another one with the same name the next number.
    std::string name_of(const MergeScheme& wanted) {
        std::string name = component_name(wanted.name);
        for (int i = 2;; ++i) {
            const auto [known, added] = schemes_.try_emplace(name, wanted.scheme);
            if (added || known->second == wanted.scheme) return name;
            name = fmt::format("{}-{}", component_name(wanted.name), i);
        }
    }

    static Json path_parameter(const std::string& name) {
        return {{"name", name}, {"in", "path"}, {"required", true}, {"schema", {{"type", "string"}}}};
    }
    static Json path_parameters(const std::string& path) {
        Json list = Json::array();
        for (const std::string& name : names_in(path)) list.push_back(path_parameter(name));
        return list;
    }

    // The parameters of a path that may name them otherwise: each name of it is there once, and no other.
    static Json fit(const Json& given, const std::vector<std::string>& own, const std::vector<std::string>& shown) {
        Json out = Json::array();
        for (size_t i = 0; i < shown.size(); ++i) {
            const auto found = std::ranges::find_if(
                given, [&](const Json& one) { return one["in"] == "path" && i < own.size() && one["name"] == own[i]; });
            out.push_back(found == given.end() ? path_parameter(shown[i]) : *found);
            out.back()["name"] = shown[i];
        }
        for (const Json& one : given) {
            if (one["in"] != "path") out.push_back(one);
        }
        return out;
    }

    // In the order of the routes; with what a service's document says of itself.
    void add_tags(Json& document) const {
        Json tags = Json::array();
        std::vector<std::pair<std::string, Json>> groups;
        std::set<std::string> told;
        for (const MergeRoute& route : input_->routes) {
            const std::string tag = route.service.empty() ? std::string{kJoined} : route.service;
            if (!tags_used_.contains(tag) || !route.shown || !told.insert(tag).second) continue;
            Json one{{"name", tag}};
            for (const MergeRoute& other : input_->routes) {
                if (other.service != route.service || other.document == nullptr || !other.shown) continue;
                const auto info = other.document->tree().find("info");
                const std::string text = info != other.document->tree().end() && info->is_object()
                                             ? text_at(*info, "description")
                                             : std::string{};
                if (!text.empty() && text.size() < 16384) one["description"] = text;
                if (!text.empty()) break;
            }
            tags.push_back(std::move(one));
            auto group = std::ranges::find(groups, route.context, [](const auto& known) { return known.first; });
            if (group == groups.end()) group = groups.insert(groups.end(), {route.context, Json::array()});
            group->second.push_back(tag);
        }
        document["tags"] = std::move(tags);
        for (auto& [name, of_group] : groups) {
            if (!name.empty()) document["x-tagGroups"].push_back({{"name", name}, {"tags", std::move(of_group)}});
        }
    }

    Json assemble() {
        Json document{{"openapi", "3.1.0"}, {"info", {{"title", input_->title}, {"version", input_->version}}}};
        if (!input_->description.empty()) document["info"]["description"] = input_->description;
        // The gateway itself: relative to where this document is.
        document["servers"] = Json::array({{{"url", "/"}, {"description", "The gateway"}}});
        add_tags(document);
        Json paths = Json::object();
        for (Place& place : places_) {
            Json item = Json::object();
            for (size_t method = 0; method < kMethods.size(); ++method) {
                if (place.operations[method]) item[kMethods[method]] = in_order(std::move(*place.operations[method]));
            }
            if (!item.empty()) append_to(paths, place.path, std::move(item));
        }
        document["paths"] = std::move(paths);
        Json components = Json::object();
        for (size_t kind = 0; kind < kComponentKinds; ++kind) {
            Json all = Json::object();
            for (auto& [name, one] : shared_.components[kind]) append_to(all, name, std::move(one));
            if (!all.empty()) components[std::string{to_string(static_cast<Component>(kind))}] = std::move(all);
        }
        for (auto& [name, scheme] : schemes_) components["securitySchemes"][name] = scheme;
        if (!components.empty()) document["components"] = std::move(components);
        if (!shared_.notes.empty()) document["x-trunkline"] = {{"notes", shared_.notes}};
        return document;
    }

    const MergeInput* input_;
    MergeShared shared_;
    proxy::RouteTable table_;
    std::map<const ApiDocument*, DocumentCopy> copies_;
    std::set<std::string> names_;     // of documents
    std::map<std::string, int> ids_;  // operationId to how many operations have it
    std::set<std::string> taken_ids_;
    std::map<std::string, Json> schemes_;
    std::set<std::string> tags_used_;
    std::set<std::pair<std::string, size_t>> internal_;  // shape of the path, method
    std::map<std::string, size_t> by_shape_;
    std::vector<Place> places_;
};

}  // namespace

Merged merge_documents(const MergeInput& input) { return Merge{input}.run(); }

}  // namespace tl::gateway
