#include "app/import/krakend_backend.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "app/import/fields.h"
#include "app/import/url.h"
#include "base/text.h"

namespace tl::app {

using manifest::Node;

namespace {

// Backends that are no HTTP.
constexpr std::array<std::string_view, 10> kOther{
    "backend/graphql",           "backend/grpc",          "backend/lambda",
    "backend/amqp/consumer",     "backend/amqp/producer", "backend/pubsub/publisher",
    "backend/pubsub/subscriber", "backend/soap",          "backend/static-filesystem",
    "backend/conditional"};

constexpr std::string_view kList = "collection";

// "collection.id" of a list is "id" of each of its items.
std::string in_list(const std::string& path, bool collection) {
    const bool inside = collection && path.starts_with("collection.");
    return inside ? path.substr(kList.size() + 1) : path;
}

std::string name_of(const std::string& host) {
    const bool number = host.find_first_not_of("0123456789.:") == std::string::npos;
    return number ? "service-" + host : host.substr(0, host.find('.'));
}

// consecutive errors, the window and the pause are words of both.
void put_breaker(const Node* settings, Node& service, Report& report) {
    if (settings == nullptr) return;
    Fields fields{*settings, "\"qos/circuit-breaker\"", report};
    Node breaker = map_node(fields.at());
    const auto put_number = [&](std::string_view mine, std::string_view theirs, std::string_view unit, double most) {
        if (const auto value = fields.number(theirs); value && *value >= 1)
            put(breaker, mine,
                word_node(fmt::format("{:.0f}{}", std::min(std::floor(*value), most), unit), fields.at(theirs)));
    };
    put_number("consecutive", "max_errors", "", 1e6);
    put_number("window", "interval", "s", 600);
    put_number("open_for", "timeout", "s", 3600);
    // It doubles up to half a minute by itself.
    if (fields.number("timeout").value_or(0) > 30) put(breaker, "longest_open", *breaker.find("open_for"));
    fields.ignore({"name", "log_status_change"});
    fields.finish();
    put(service, "breaker", std::move(breaker));
}

// The service of these hosts; "" where there is none.
std::string service_of(const std::vector<std::string>& hosts, Fields& fields, const Node* extra,
                       KrakendContext& context) {
    if (hosts.empty()) {
        context.report->missing(fields.at(), fields.what(), "it has no \"host\", nor has the file");
        return {};
    }
    const Node* const breaker = extra_of(extra, "qos/circuit-breaker");
    const std::string key = base::join(hosts, "\n");
    if (const auto known = context.services.find(key); known != context.services.end()) {
        Node* const service = context.draft->service(known->second);
        if (breaker != nullptr && service != nullptr && service->find("breaker") == nullptr)
            put_breaker(breaker, *service, *context.report);
        return known->second;
    }
    Node service = map_node(fields.at("host"));
    std::vector<std::string> addresses;
    Url first;
    for (const std::string& host : hosts) {
        const Url url = parse_url(host);
        if (addresses.empty()) first = url;
        if (url.credentials)
            context.report->to_do(fields.at("host"), "name and password in a host",
                                  "a service that wants them gets them by policies.headers");
        if (!url.path.empty() && url.path != "/")
            context.report->missing(fields.at("host"), "the path of a host", "put it in front of \"url_pattern\"");
        const std::string place = authority_of(url.host, url.port == 0 ? url.usual_port() : url.port);
        addresses.push_back((url.secure() ? "https://" : "") + place);
    }
    put(service, "address",
        addresses.size() == 1 ? text_node(addresses.front(), service.at) : list_node(addresses, service.at));
    if (addresses.size() == 1 && !first.secure())
        put(service, "host",
            text_node(first.port == 0 || first.port == 80 ? first.host : authority_of(first.host, first.port),
                      service.at));
    if (addresses.size() > 1) {
        put(child(service, "balance"), "policy", word_node("round_robin"));
        if (!first.secure())
            context.report->differs(fields.at("host"), "requests to several hosts say the host that the client said",
                                    "`host` of the service says another name");
    }
    put_breaker(breaker, service, *context.report);
    const std::string name = context.draft->add_service(name_of(first.host), std::move(service));
    if (name.empty()) {
        context.report->missing(fields.at(), fields.what(),
                                fmt::format("a manifest made here has {} services at most", Draft::kMostServices));
        return {};
    }
    context.services.emplace(key, name);
    return name;
}

void read_pattern(const std::string& pattern, KrakendBackend& made) {
    const size_t mark = std::min(pattern.find('?'), pattern.size());
    made.path = pattern.substr(0, mark);
    if (!made.path.starts_with('/')) made.path.insert(0, "/");
    if (mark == pattern.size()) return;
    const std::string query = pattern.substr(mark + 1);
    for (const std::string_view pair : base::split(query, '&')) {
        const size_t equals = std::min(pair.find('='), pair.size());
        if (pair.empty()) continue;
        made.query.emplace_back(pair.substr(0, equals), equals == pair.size() ? "" : pair.substr(equals + 1));
    }
}

void read_shape(Fields& fields, KrakendBackend& made, KrakendContext& context) {
    made.group = fields.text("group");
    made.target = fields.text("target");
    made.encoding = fields.text("encoding", "json");
    made.collection = fields.flag("is_collection", false);
    made.allow = fields.list("allow");
    made.deny = fields.list("deny");
    if (!made.allow.empty() && !made.deny.empty())
        context.report->missing(fields.at("deny"), "\"deny\" beside \"allow\"", "KrakenD takes \"allow\" alone, too");
    if (!made.allow.empty()) made.deny.clear();
    for (std::vector<std::string>* const paths : {&made.allow, &made.deny}) {
        for (std::string& path : *paths) path = in_list(path, made.collection);
    }
    const Node* const mapping = fields.take("mapping");
    if (mapping != nullptr) {
        for (const manifest::Entry& entry : mapping->entries) {
            if (!entry.value.is_scalar()) continue;
            if (made.collection && entry.key == kList) {
                made.list = entry.value.text;
            } else {
                made.mapping.emplace_back(in_list(entry.key, made.collection), entry.value.text);
            }
        }
    }
    const bool known = made.encoding == "json" || made.encoding == "safejson" || made.encoding == "fast-json" ||
                       made.encoding == "no-op" || made.encoding == "xml";
    if (!known)
        context.report->missing(fields.at("encoding"), fmt::format("\"encoding: {}\" of a backend", made.encoding),
                                "answers are JSON or XML, or go on as they are");
}

}  // namespace

const Node* extra_of(const Node* extra, std::string_view name) {
    const Node* const found = extra == nullptr ? nullptr : extra->find(name);
    return found == nullptr || found->is_null() ? nullptr : found;
}

std::optional<KrakendBackend> read_backend(const Node& node, const std::string& method, KrakendContext& context) {
    Fields fields{node, "a backend", *context.report};
    KrakendBackend made{.node = &node, .at = node.at};
    made.extra = fields.take("extra_config");
    for (const std::string_view other : kOther) {
        if (extra_of(made.extra, other) == nullptr) continue;
        context.report->missing(made.extra->at, fmt::format("\"{}\"", other),
                                "put a service in front of it that speaks HTTP; docs/graphql.md, docs/grpc_json.md");
        return std::nullopt;
    }
    std::vector<std::string> hosts = fields.list("host");
    if (hosts.empty()) hosts = context.hosts;
    if (const std::string sd = fields.text("sd"); !sd.empty() && sd != "static") {
        context.report->missing(fields.at("sd"), fmt::format("\"sd: {}\" of a backend", sd),
                                "`address` takes names, which are looked up");
    }
    made.method = method_of(fields.text("method", method));
    made.service = service_of(hosts, fields, made.extra, context);
    read_pattern(fields.text("url_pattern"), made);
    read_shape(fields, made, context);
    if (const Node* const proxy = extra_of(made.extra, "proxy")) {
        Fields proxies{*proxy, "\"proxy\" of a backend", *context.report};
        made.shadow = proxies.flag("shadow", false);
        proxies.tell("flatmap_filter", "a script can: policies.lua");
        proxies.finish();
    }
    fields.ignore({"disable_host_sanitize", "sd_scheme"});
    fields.tell("input_headers", "join.calls.headers says what a call gets");
    fields.tell("input_query_strings", "join.calls.query says what a call gets");
    fields.finish();
    if (made.service.empty()) return std::nullopt;
    return made;
}

}  // namespace tl::app
