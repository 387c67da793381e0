#include "app/import/krakend_endpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "app/import/fields.h"
#include "app/import/krakend_join.h"
#include "app/import/krakend_policies.h"
#include "base/text.h"
#include "base/units.h"

namespace tl::app {

using manifest::Node;
using manifest::Position;

namespace {

// "/users/{id}" of a backend is `rewrite`; what points at tokens or other answers is not.
bool fits_rewrite(const std::string& path) {
    return !path.contains("{resp") && !path.contains("{JWT") && !path.contains("{input_");
}

bool needs_join(const KrakendEndpoint& endpoint) {
    if (endpoint.backends.size() != 1) return true;
    const KrakendBackend& only = endpoint.backends.front();
    return only.method != endpoint.method || !fits_rewrite(only.path);
}

// Nothing of a client's query goes on but what is named.
void put_query(const KrakendEndpoint& endpoint, const KrakendBackend& backend, PolicyDraft& out, Report& report) {
    const bool all = std::ranges::find(endpoint.query, "*") != endpoint.query.end();
    if (!all) {
        // An empty list would be everything.
        const std::vector<std::string> only = endpoint.query.empty() ? std::vector<std::string>{"-"} : endpoint.query;
        put(out.of("query", endpoint.at), "only", list_node(only, endpoint.at),
            endpoint.query.empty() ? "no parameter of clients" : "");
    }
    for (const auto& [name, value] : backend.query)
        change_query(out, "set", name, join_text(value, {}), backend.at, report);
}

// What a single backend's answer becomes, in the order in which both do it.
void put_shape(const KrakendEndpoint& endpoint, const KrakendBackend& backend, PolicyDraft& out, Report& report) {
    if (endpoint.encoding == "no-op" || backend.encoding == "no-op") return;
    Node shape = map_node(backend.at);
    std::vector<std::string> paths;
    if (backend.encoding == "xml") put(shape, "from", list_node({"xml"}));
    if (!backend.target.empty()) put(shape, "unwrap", text_node(backend.target));
    for (const std::string& one : backend.allow) paths.push_back(one);
    for (const std::string& one : backend.deny) paths.push_back(one);
    if (!paths.empty()) put(shape, backend.allow.empty() ? "drop" : "pick", list_node(paths));
    for (const auto& [from, to] : backend.mapping) put(child(shape, "rename", backend.at), from, text_node(to));
    std::string wrap = backend.group;
    if (backend.collection && endpoint.encoding != "json-collection") {
        if (wrap.empty()) {
            wrap = backend.list;
        } else {
            report.differs(backend.at,
                           fmt::format("the list is \"{}\" itself, not \"{}.{}\"", wrap, wrap, backend.list),
                           "an answer is wrapped once");
        }
    }
    if (!wrap.empty()) put(shape, "wrap", text_node(wrap));
    if (endpoint.encoding == "xml") put(shape, "to", word_node("xml"));
    if (!shape.entries.empty()) put(out.of("json", backend.at), "response", std::move(shape));
}

void put_single(const KrakendEndpoint& endpoint, Node& route, PolicyDraft& out, KrakendContext& context) {
    const KrakendBackend& backend = endpoint.backends.front();
    put(route, "to", word_node(backend.service, backend.at));
    if (backend.path != endpoint.path) put(route, "rewrite", text_node(backend.path, backend.at));
    put_query(endpoint, backend, out, *context.report);
    translate_extra(backend.extra, out, context);
    put_shape(endpoint, backend, out, *context.report);
    const bool all = std::ranges::find(endpoint.headers, "*") != endpoint.headers.end();
    if (all || std::exchange(context.told_headers, true)) return;
    context.report->differs(
        endpoint.at, "all headers of clients go on to the service, here and in all endpoints of one backend",
        "KrakenD passes on \"input_headers\" alone: policies.headers.request.remove names what must not");
}

// The copy of a request for a backend whose answer nobody reads.
void put_shadow(const KrakendEndpoint& endpoint, Node& route, Report& report) {
    for (const KrakendBackend& shadow : endpoint.shadows) {
        for (const manifest::Entry& entry : shadow.extra->entries) {
            if (entry.key != "proxy")
                report.missing(entry.at, fmt::format("\"{}\" of a shadow backend", entry.key),
                               "a copy is sent as it is");
        }
        if (route.find("mirror") != nullptr || route.find("to") == nullptr) {
            report.missing(shadow.at, "a shadow backend", "a route with `to` has one `mirror`");
            continue;
        }
        put(route, "mirror", word_node(shadow.service, shadow.at));
        if (shadow.path != endpoint.backends.front().path)
            report.differs(shadow.at, "the copy for a shadow backend", "it has the path of the route");
    }
}

void put_cache(double seconds, PolicyDraft& out, Position at, Report& report) {
    if (!(seconds >= 1)) return;
    change_header(out, {"response", "set", "Cache-Control", fmt::format("public, max-age={:.0f}", seconds), at},
                  report);
    report.differs(at, "Cache-Control is set on all answers of the service", "KrakenD sets it on complete ones");
}

void read_proxy(KrakendEndpoint& made, const Node* extra, Report& report) {
    const Node* const proxy = extra_of(extra, "proxy");
    if (proxy == nullptr) return;
    Fields fields{*proxy, "\"proxy\" of an endpoint", report};
    made.sequential = fields.flag("sequential", false);
    fields.tell("static", "`fallback` of a call is what stands in its place when it fails");
    fields.tell("combiner", "join.collisions says what happens to fields of the same name");
    fields.tell("flatmap_filter", "a script can: policies.lua");
    fields.tell("max_payload", "policies: { size: ... }");
    fields.ignore({"sequential_propagated_params"});
    fields.finish();
}

std::optional<KrakendEndpoint> read_endpoint(const Node& node, Fields& fields, KrakendContext& context) {
    KrakendEndpoint made{
        .at = node.at, .path = fields.text("endpoint"), .method = method_of(fields.text("method", "GET"))};
    made.encoding = fields.text("output_encoding", context.encoding);
    made.headers = fields.list("input_headers");
    made.query = fields.list("input_query_strings");
    made.timeout = fields.text("timeout", context.timeout);
    const Node* const extra = fields.take("extra_config");
    read_proxy(made, extra, *context.report);
    for (const Node* const one : fields.maps("backend")) {
        auto backend = read_backend(*one, made.method, context);
        if (!backend) {
            context.report->missing(node.at, fmt::format("endpoint {} {}", made.method, made.path),
                                    "one of its backends is not translated");
            return std::nullopt;
        }
        (backend->shadow ? made.shadows : made.backends).push_back(std::move(*backend));
    }
    if (made.backends.empty()) {
        context.report->missing(node.at, fmt::format("endpoint {} {}", made.method, made.path), "it has no backend");
        return std::nullopt;
    }
    constexpr std::array<std::string_view, 6> kKnown{"json",  "fast-json", "json-collection",
                                                     "no-op", "xml",       "negotiate"};
    if (std::ranges::find(kKnown, made.encoding) == kKnown.end())
        context.report->missing(fields.at("output_encoding"), fmt::format("\"output_encoding: {}\"", made.encoding),
                                "answers are JSON or XML, or go on as they are");
    if (made.encoding == "negotiate")
        context.report->differs(fields.at("output_encoding"), "\"output_encoding: negotiate\"",
                                "answers are what the service sends");
    return made;
}

}  // namespace

void translate_endpoint(const Node& node, KrakendContext& context) {
    Report& report = *context.report;
    const Node* const name = node.find("endpoint");
    Fields fields{node, fmt::format("endpoint {}", name == nullptr ? "" : name->text), report};
    const auto endpoint = read_endpoint(node, fields, context);
    if (!endpoint) return;
    Node route = map_node(node.at);
    put(route, "path", text_node(endpoint->path, fields.at("endpoint")));
    put(route, "methods", list_node({endpoint->method}, fields.at("method")));
    PolicyDraft out;
    translate_extra(fields.take("extra_config"), out, context);
    if (needs_join(*endpoint)) {
        put_join(*endpoint, route, out, context);
    } else {
        put_single(*endpoint, route, out, context);
    }
    put_shadow(*endpoint, route, report);
    put(route, "timeout", word_node(endpoint->timeout, fields.at("timeout")));
    const auto own_ttl = base::parse_duration(fields.text("cache_ttl"));
    const double seconds = own_ttl ? std::chrono::duration<double>(*own_ttl).count() : context.cache_seconds;
    put_cache(seconds, out, fields.at("cache_ttl"), report);
    if (fields.number("concurrent_calls").value_or(1) > 1)
        report.missing(fields.at("concurrent_calls"), "\"concurrent_calls\" of " + fields.what(),
                       "hedge: { after: TIME } asks a second instance when the first is late");
    fields.finish();
    Node policies = out.take();
    if (!policies.entries.empty()) put(route, "policies", std::move(policies));
    if (!context.draft->add_route(std::move(route)))
        report.missing(node.at, fields.what(),
                       fmt::format("a manifest made here has {} routes at most", Draft::kMostRoutes));
}

}  // namespace tl::app
