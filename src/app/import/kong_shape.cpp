// What requests and answers look like: transformers, correlation-id, cors.
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "app/import/fields.h"
#include "app/import/kong_plugins.h"
#include "base/text.h"

namespace tl::app {

using manifest::Node;
using manifest::Position;

namespace {

struct Pair {
    std::string name;
    std::string value;
};

std::optional<Pair> pair_of(const std::string& text) {
    const size_t colon = text.find(':');
    if (colon == std::string::npos || colon == 0) return std::nullopt;
    return Pair{text.substr(0, colon), std::string{base::trim(text.substr(colon + 1))}};
}

// "$(headers.x)" is "{header.x}"; nothing for other expressions, which are Lua.
std::optional<std::string> value_of(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        const size_t open = text.find("$(");
        out += template_text(text.substr(0, open));
        if (open == std::string_view::npos) return out;
        const size_t end = text.find(')', open);
        if (end == std::string_view::npos) return std::nullopt;
        const std::string_view inside = text.substr(open + 2, end - open - 2);
        const size_t dot = inside.find('.');
        if (dot == std::string_view::npos) return std::nullopt;
        const std::string_view table = inside.substr(0, dot);
        const std::string_view source = table == "headers"        ? "header"
                                        : table == "query_params" ? "query"
                                        : table == "uri_captures" ? "path"
                                                                  : "";
        const std::string_view name = inside.substr(dot + 1);
        if (source.empty() || name.find_first_of("[]\"'() {}") != std::string_view::npos) return std::nullopt;
        out += fmt::format("{{{}.{}}}", source, name);
        text.remove_prefix(end + 1);
    }
    return out;
}

// One transformer: request or response.
class Transformer {
  public:
    Transformer(const KongPlugin& plugin, std::string_view side, PolicyDraft& out, Report& report)
        : plugin_(&plugin), side_(side), out_(&out), report_(&report) {}

    void run() {
        Fields config{plugin_->settings(), what(), *report_};
        for (const char* const action : {"remove", "rename", "replace", "add", "append"}) {
            const Node* const found = config.take(action);
            if (found == nullptr) continue;
            Fields places{*found, fmt::format("\"{}\" of {}", action, what()), *report_};
            headers(places, action);
            if (side_ == "request") query(places, action);
            body(places, action);
            places.ignore({"json_types"});
            places.tell("uri", "`rewrite` of the route says the path that the service sees");
            places.finish();
        }
        config.tell("http_method", "a route keeps its method; join.calls.method asks by another one");
        config.finish();
    }

  private:
    [[nodiscard]] std::string what() const { return fmt::format("plugin \"{}\"", plugin_->name); }

    // Kong adds what is not there and replaces what is; a manifest sets it in both cases.
    void tell_set(std::string_view action, std::string_view thing, Position at) {
        report_->differs(at, fmt::format("\"{}\" of {} of {} is `set` here", action, thing, what()),
                         action == "add" ? "what the client or the service sends there is replaced"
                                         : "it is there afterwards even if it was not before");
    }

    // The two sides of "name:value", the value as a template; reports what cannot be.
    std::optional<Pair> change_of(const std::string& text, std::string_view action, Position at) {
        auto pair = pair_of(text);
        const auto value =
            pair ? (action == "rename" ? std::optional{pair->value} : value_of(pair->value)) : std::nullopt;
        if (!value) {
            report_->missing(at, fmt::format("a \"{}\" of {}", action, what()),
                             pair ? "its value is an expression; a template or a script can say it: policies.lua"
                                  : "it is no name:value");
            return std::nullopt;
        }
        pair->value = *value;
        return pair;
    }

    void headers(Fields& places, std::string_view action) {
        const Position at = places.at("headers");
        for (const std::string& one : places.list("headers")) {
            if (action == "remove") {
                remove_header(*out_, side_, one, at, *report_);
                continue;
            }
            const auto pair = change_of(one, action, at);
            if (!pair) continue;
            const std::string_view key = action == "rename" ? "rename" : action == "append" ? "add" : "set";
            if (key == "set") tell_set(action, "headers", at);
            change_header(*out_, {side_, key, pair->name, pair->value, at}, *report_);
        }
    }

    void query(Fields& places, std::string_view action) {
        const Position at = places.at("querystring");
        for (const std::string& one : places.list("querystring")) {
            if (action == "remove") {
                append(out_->of("query", at), "remove", {one}, at);
                continue;
            }
            const auto pair = change_of(one, action, at);
            if (!pair) continue;
            if (action == "rename") {
                put(child(out_->of("query", at), "rename", at), pair->name, text_node(pair->value, at));
                continue;
            }
            if (action != "append") tell_set(action, "querystring", at);
            change_query(*out_, action == "append" ? "add" : "set", pair->name, pair->value, at, *report_);
        }
    }

    void body(Fields& places, std::string_view action) {
        const std::string_view key = side_ == "request" ? "body" : "json";
        const Position at = places.at(key);
        for (const std::string& one : places.list(key)) {
            if (action == "append") {
                report_->missing(at, fmt::format("\"append\" of {} of {}", key, what()), "a script can: policies.lua");
                continue;
            }
            Node& side = child(out_->of("json", at), side_, at);
            if (action == "remove") {
                append(side, "drop", {one}, at);
                continue;
            }
            const auto pair = change_of(one, action, at);
            if (!pair) continue;
            if (action != "rename") tell_set(action, key, at);
            if (action != "rename" && names_a_secret(pair->name)) {
                report_->to_do(at, fmt::format("the member \"{}\", whose value is likely a secret", pair->name),
                               "write it yourself under policies.json");
                continue;
            }
            put(child(side, action == "rename" ? "rename" : "set", at), pair->name, text_node(pair->value, at));
        }
    }

    const KongPlugin* plugin_;
    std::string_view side_;
    PolicyDraft* out_;
    Report* report_;
};

}  // namespace

void translate_request_transformer(const KongPlugin& plugin, PolicyDraft& out, const KongContext& context) {
    Transformer{plugin, "request", out, *context.report}.run();
}

void translate_response_transformer(const KongPlugin& plugin, PolicyDraft& out, const KongContext& context) {
    Transformer{plugin, "response", out, *context.report}.run();
}

void translate_correlation(const KongPlugin& plugin, PolicyDraft& out, const KongContext& context) {
    Fields config{plugin.settings(), "plugin \"correlation-id\"", *context.report};
    const std::string name = config.text("header_name", "Kong-Request-ID");
    const bool echo = config.flag("echo_downstream", false);
    config.ignore({"generator"});
    config.finish();
    // X-Request-Id is there without being asked.
    if (!base::iequals(name, "X-Request-Id"))
        change_header(out, {"request", "set", name, "{trace.id}", plugin.at}, *context.report);
    if (echo) change_header(out, {"response", "set", name, "{trace.id}", plugin.at}, *context.report);
}

void translate_cors(const KongPlugin& plugin, PolicyDraft& out, const KongContext& context) {
    Report& report = *context.report;
    Fields config{plugin.settings(), "plugin \"cors\"", report};
    std::vector<std::string> origins = config.list("origins");
    if (origins.empty()) origins = {"*"};
    const auto is_pattern = [](const std::string& one) {
        return one != "*" && (one.find_first_of("\\()[]^$|+*") != std::string::npos || !one.contains("://"));
    };
    if (std::erase_if(origins, is_pattern) > 0) {
        report.missing(config.at("origins"), "an origin of plugin \"cors\" that is a pattern or has no scheme",
                       "https://*.shop.example is everything below shop.example");
    }
    Node cors = map_node(plugin.at);
    put(cors, "origins", list_node(origins, plugin.at));
    for (const auto& [mine, theirs] :
         {std::pair{"methods", "methods"}, {"headers", "headers"}, {"expose", "exposed_headers"}}) {
        const std::vector<std::string> names = config.list(theirs);
        if (!names.empty()) put(cors, mine, list_node(names, plugin.at));
    }
    const bool everybody = std::ranges::find(origins, "*") != origins.end();
    if (config.flag("credentials", false)) {
        if (everybody) {
            report.missing(config.at("credentials"),
                           "\"credentials\" of plugin \"cors\" together with the origin \"*\"", "name the origins");
        } else {
            put(cors, "credentials", word_node("true", plugin.at));
        }
    }
    if (const auto age = config.number("max_age"); age && *age >= 0)
        put(cors, "max_age", word_node(seconds_text(std::min(*age, 86400.0)), plugin.at));
    config.tell("preflight_continue", "preflights are answered here");
    config.tell("private_network", "there is no word for it");
    config.ignore({"allow_origin_absent"});
    config.finish();
    if (!origins.empty()) put(out.policies, "cors", std::move(cors));
}

}  // namespace tl::app
