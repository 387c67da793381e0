#include "app/import/krakend_join.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "app/import/fields.h"
#include "app/import/krakend_policies.h"
#include "base/text.h"

namespace tl::app {

using manifest::Node;

namespace {

constexpr size_t kMostCalls = 32;

// What stands between the braces.
std::string source_of(std::string_view inside, const std::vector<KrakendCallName>& calls) {
    const auto after = [&](std::string_view prefix) { return inside.substr(prefix.size()); };
    if (inside.starts_with("JWT.")) return fmt::format("claim.{}", after("JWT."));
    if (inside.starts_with("input_headers.")) return fmt::format("header.{}", base::lower(after("input_headers.")));
    if (inside.starts_with("input_query_strings.")) return fmt::format("query.{}", after("input_query_strings."));
    if (inside.starts_with("resp")) {
        size_t index = 0;
        const auto [end, error] = std::from_chars(inside.data() + 4, inside.data() + inside.size(), index);
        const auto used = static_cast<size_t>(end - inside.data());
        if (error == std::errc{} && used < inside.size() && inside[used] == '_' && index < calls.size()) {
            std::string_view way = inside.substr(used + 1);
            const std::string own = calls[index].group + ".";
            if (own.size() > 1 && way.starts_with(own)) way.remove_prefix(own.size());
            return fmt::format("{}.{}", calls[index].name, way);
        }
    }
    return fmt::format("path.{}", inside);
}

// Names of calls that mean something else in a value.
bool is_taken(const std::string& name, const std::vector<KrakendCallName>& calls) {
    static const std::set<std::string, std::less<>> kOwn{"item",   "request",  "path",  "query", "header", "cookie",
                                                         "client", "identity", "claim", "trace", "route",  "response"};
    return kOwn.contains(name) || std::ranges::find(calls, name, &KrakendCallName::name) != calls.end() ||
           name.find_first_of(". {}") != std::string::npos;
}

// One call after the other.
class Join {
  public:
    Join(const KrakendEndpoint& endpoint, PolicyDraft& out, KrakendContext& context)
        : endpoint_(&endpoint), out_(&out), context_(&context), report_(context.report) {}

    Node make() {
        Node calls = map_node(endpoint_->at);
        for (const KrakendBackend& backend : endpoint_->backends) {
            if (names_.size() == kMostCalls) {
                report_->missing(backend.at, "a further backend",
                                 fmt::format("an answer is made of {} calls at most", kMostCalls));
                break;
            }
            Node call = make_call(backend);
            put(calls, names_.back().name, std::move(call));
        }
        Node join = map_node(endpoint_->at);
        put(join, "calls", std::move(calls));
        put(join, "collisions", word_node("first"));
        return join;
    }

  private:
    // Under its group, or beside the fields of the others.
    KrakendCallName name_of(const KrakendBackend& backend) const {
        std::string name = backend.group;
        if (name.empty() && backend.collection) name = backend.list;
        if (name.empty() || is_taken(name, names_)) name = fmt::format("resp{}", names_.size());
        return {name, backend.group};
    }

    Node make_call(const KrakendBackend& backend) {
        const KrakendCallName name = name_of(backend);
        const bool merged = backend.group.empty() && !backend.collection;
        Node call = map_node(backend.at);
        put(call, "to", word_node(backend.service, backend.at));
        put(call, "path", text_node(join_text(backend.path, names_), backend.at));
        if (backend.method != "GET") put(call, "method", word_node(backend.method, backend.at));
        put_query(backend, call);
        put_headers(backend, call);
        const bool sends = endpoint_->method == "POST" || endpoint_->method == "PUT" || endpoint_->method == "PATCH";
        if (sends && backend.method != "GET" && backend.method != "HEAD") put(call, "body", word_node("true"));
        // The first of a sequence is what the others need; a single one is the whole answer.
        const bool needed = endpoint_->backends.size() == 1 || (endpoint_->sequential && names_.empty());
        if (!needed) put(call, "optional", word_node("true"));
        put_shape(backend, call, name.name);
        if (merged) put(call, "merge", word_node("true"));
        names_.push_back(name);
        return call;
    }

    void put_query(const KrakendBackend& backend, Node& call) {
        Node query = map_node(backend.at);
        for (const auto& [key, value] : backend.query) {
            if (names_a_secret(key) && !value.starts_with('{')) {
                report_->to_do(backend.at,
                               fmt::format("the query parameter \"{}\", whose value is likely a secret", key),
                               "write it yourself under `query` of the call");
                continue;
            }
            put(query, key, text_node(join_text(value, names_), backend.at));
        }
        for (const std::string& key : endpoint_->query) {
            if (key == "*") {
                report_->missing(endpoint_->at, "\"*\" in \"input_query_strings\" of an endpoint of several backends",
                                 "name them under `query` of the calls");
            } else if (query.find(key) == nullptr) {
                put(query, key, text_node(fmt::format("{{query.{}}}", key), endpoint_->at));
            }
        }
        if (!query.entries.empty()) put(call, "query", std::move(query));
    }

    void put_headers(const KrakendBackend& backend, Node& call) {
        Node headers = map_node(backend.at);
        for (const std::string& name : endpoint_->headers) {
            if (name == "*") {
                report_->missing(endpoint_->at, "\"*\" in \"input_headers\" of an endpoint of several backends",
                                 "name them under `headers` of the calls");
            } else if (!is_own_field(name)) {
                put(headers, name, text_node(fmt::format("{{header.{}}}", base::lower(name)), endpoint_->at));
            }
        }
        PolicyDraft own;
        translate_extra(backend.extra, own, *context_);
        take_own(own, headers, backend);
        if (!headers.entries.empty()) put(call, "headers", std::move(headers));
    }

    // Of what a backend's extra_config says a call can have headers.
    void take_own(PolicyDraft& own, Node& headers, const KrakendBackend& backend) {
        out_->closed = out_->closed || own.closed;
        for (const manifest::Entry& policy : own.policies.entries) {
            const Node* const request = policy.key == "headers" ? policy.value.find("request") : nullptr;
            const Node* const set = request == nullptr ? nullptr : request->find("set");
            if (set != nullptr) {
                for (const manifest::Entry& header : set->entries) put(headers, header.key, header.value);
            }
            const bool whole = set != nullptr && request->entries.size() == 1 && policy.value.entries.size() == 1;
            if (!whole)
                report_->missing(backend.at,
                                 fmt::format("what would be the policy \"{}\" of one backend of several", policy.key),
                                 "policies hold for a route, not for one of its calls");
        }
    }

    // The same in the same order: what goes, what stays, what it is called.
    void put_shape(const KrakendBackend& backend, Node& call, const std::string& name) {
        if (backend.encoding == "xml" || backend.encoding == "no-op")
            report_->missing(backend.at, fmt::format("\"encoding: {}\" of a backend of several", backend.encoding),
                             "calls are answered with JSON");
        if (backend.collection && !backend.group.empty())
            report_->differs(backend.at,
                             fmt::format("the list is \"{}\" itself, not \"{}.{}\"", name, name, backend.list),
                             "a call has one name in the answer");
        if (!backend.target.empty()) put(call, "take", text_node(backend.target));
        if (!backend.allow.empty()) put(call, "pick", list_node(backend.allow));
        if (!backend.deny.empty()) put(call, "drop", list_node(backend.deny));
        for (const auto& [from, to] : backend.mapping) put(child(call, "rename", backend.at), from, text_node(to));
    }

    const KrakendEndpoint* endpoint_;
    PolicyDraft* out_;
    KrakendContext* context_;
    Report* report_;
    std::vector<KrakendCallName> names_;
};

}  // namespace

std::string join_text(std::string_view pattern, const std::vector<KrakendCallName>& calls) {
    std::string out;
    while (!pattern.empty()) {
        const size_t open = pattern.find('{');
        out += pattern.substr(0, open);
        if (open == std::string_view::npos) break;
        const size_t close = pattern.find('}', open);
        if (close == std::string_view::npos) {
            out += template_text(pattern.substr(open));
            break;
        }
        std::string_view inside = pattern.substr(open + 1, close - open - 1);
        pattern.remove_prefix(close + 1);
        if (inside.starts_with('{')) {
            inside.remove_prefix(1);
            if (pattern.starts_with('}')) pattern.remove_prefix(1);
        }
        while (inside.starts_with('.')) inside.remove_prefix(1);
        out += "{" + source_of(inside, calls) + "}";
    }
    return out;
}

void put_join(const KrakendEndpoint& endpoint, Node& route, PolicyDraft& out, KrakendContext& context) {
    if (endpoint.encoding == "no-op")
        context.report->missing(endpoint.at, "\"output_encoding: no-op\" of an endpoint that needs calls",
                                "joined answers are JSON");
    put(route, "join", Join{endpoint, out, context}.make());
    if (endpoint.encoding == "xml")
        context.report->missing(endpoint.at, "\"output_encoding: xml\" of an endpoint that needs calls",
                                "joined answers are JSON");
}

}  // namespace tl::app
