#include "app/import/policy_draft.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "app/import/fields.h"
#include "base/text.h"

namespace tl::app {

using manifest::Node;
using manifest::Position;

namespace {

// "{header.x}": the value is the request's, none that stands in the file.
bool is_one_name(std::string_view value) {
    return value.starts_with('{') && value.ends_with('}') && value.find_first_of("{}", 1) == value.size() - 1;
}

}  // namespace

Node PolicyDraft::take() {
    if (closed) close(policies);
    return std::exchange(policies, Node::map());
}

std::string template_text(std::string_view text) {
    std::string out;
    for (const char c : text) {
        out += c;
        if (c == '{' || c == '}') out += c;
    }
    return out;
}

bool is_own_field(std::string_view name) {
    constexpr std::array<std::string_view, 22> kOwn{"connection",
                                                    "content-length",
                                                    "expect",
                                                    "host",
                                                    "keep-alive",
                                                    "te",
                                                    "trailer",
                                                    "transfer-encoding",
                                                    "upgrade",
                                                    "forwarded",
                                                    "via",
                                                    "traceparent",
                                                    "x-forwarded-for",
                                                    "x-forwarded-host",
                                                    "x-forwarded-port",
                                                    "x-real-ip",
                                                    "tracestate",
                                                    "x-request-id",
                                                    "x-forwarded-proto",
                                                    "proxy-connection",
                                                    "date",
                                                    "x-trace-id"};
    return std::ranges::find(kOwn, base::lower(name)) != kOwn.end();
}

void append(Node& map, std::string_view key, const std::vector<std::string>& texts, Position at) {
    const Node* const before = map.find(key);
    Node list = before == nullptr ? list_node({}, at) : *before;
    for (const std::string& text : texts) {
        if (std::ranges::find(list.items, text, &Node::text) == list.items.end())
            list.items.push_back(text_node(text, at));
    }
    put(map, key, std::move(list));
}

void change_header(PolicyDraft& draft, HeaderChange change, Report& report) {
    const std::string what = fmt::format("a change of the header \"{}\"", change.name);
    if (is_own_field(change.name) || (change.key == "rename" && is_own_field(change.value))) {
        return report.missing(change.at, what, "Trunkline writes this field itself");
    }
    if (change.key != "rename" && names_a_secret(change.name) && !is_one_name(change.value)) {
        return report.to_do(change.at, what + ", whose value is likely a secret",
                            fmt::format("write it yourself: policies: {{ headers: {{ {}: {{ {}: {{ {}: ... }} }} }} }}",
                                        change.side, change.key, change.name));
    }
    Node& side = child(draft.of("headers", change.at), change.side, change.at);
    put(child(side, change.key, change.at), change.name, text_node(change.value, change.at));
}

void remove_header(PolicyDraft& draft, std::string_view side, const std::string& name, Position at, Report& report) {
    if (is_own_field(name)) {
        return report.missing(at, fmt::format("the removal of the header \"{}\"", name),
                              "Trunkline writes this field itself");
    }
    append(child(draft.of("headers", at), side, at), "remove", {name}, at);
}

void change_query(PolicyDraft& draft, std::string_view key, const std::string& name, const std::string& value,
                  Position at, Report& report) {
    if (names_a_secret(name) && !is_one_name(value)) {
        return report.to_do(
            at, fmt::format("the query parameter \"{}\", whose value is likely a secret", name),
            fmt::format("write it yourself: policies: {{ query: {{ {}: {{ {}: ... }} }} }}", key, name));
    }
    put(child(draft.of("query", at), key, at), name, text_node(value, at));
}

}  // namespace tl::app
