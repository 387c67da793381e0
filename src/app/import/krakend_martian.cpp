// modifier/martian: headers and query parameters that are set, added, copied and removed.
#include <fmt/format.h>

#include <algorithm>

#include "app/import/fields.h"
#include "app/import/krakend_policies.h"

namespace tl::app {

using manifest::Node;

namespace {

constexpr int kMostDepth = 8;

void translate_modifier(const std::string& name, const Node& settings, PolicyDraft& out, const KrakendContext& context,
                        int depth);

// header.Modifier, header.Append, header.Copy: on requests, answers or both.
void translate_header(const std::string& name, Fields& fields, PolicyDraft& out, Report& report) {
    std::vector<std::string> scopes = fields.list("scope");
    if (scopes.empty()) scopes = {"request", "response"};
    const bool copy = name == "header.Copy";
    const std::string header = fields.text(copy ? "to" : "name");
    const std::string from = fields.text("from");
    const std::string value = copy ? fmt::format("{{header.{}}}", from) : template_text(fields.text("value"));
    for (const std::string& scope : scopes) {
        const std::string_view side = scope == "response" ? "response" : "request";
        change_header(out, {side, name == "header.Append" ? "add" : "set", header, value, fields.at()}, report);
    }
}

void translate_group(Fields& fields, PolicyDraft& out, const KrakendContext& context, int depth) {
    fields.ignore({"scope", "aggregateErrors"});
    for (const Node* const one : fields.maps("modifiers")) {
        for (const manifest::Entry& entry : one->entries)
            translate_modifier(entry.key, entry.value, out, context, depth + 1);
    }
}

void translate_modifier(const std::string& name, const Node& settings, PolicyDraft& out, const KrakendContext& context,
                        int depth) {
    Report& report = *context.report;
    Fields fields{settings, fmt::format("\"{}\"", name), report};
    if (depth > kMostDepth) return report.missing(settings.at, fields.what(), "it is nested too deep");
    if (name == "fifo.Group") {
        translate_group(fields, out, context, depth);
    } else if (name == "header.Modifier" || name == "header.Append" || name == "header.Copy") {
        translate_header(name, fields, out, report);
    } else if (name == "header.Blacklist" || name == "header.Blocklist") {
        std::vector<std::string> scopes = fields.list("scope");
        for (const std::string& header : fields.list("names")) {
            for (const std::string& scope : scopes)
                remove_header(out, scope == "response" ? "response" : "request", header, settings.at, report);
        }
    } else if (name == "querystring.Modifier") {
        fields.ignore({"scope"});
        change_query(out, "set", fields.text("name"), template_text(fields.text("value")), settings.at, report);
    } else {
        return report.missing(settings.at, fields.what(), "a script can do it: policies: { lua: FILE }");
    }
    fields.finish();
}

}  // namespace

void translate_martian(const Node& settings, PolicyDraft& out, const KrakendContext& context) {
    for (const manifest::Entry& entry : settings.entries) translate_modifier(entry.key, entry.value, out, context, 0);
}

}  // namespace tl::app
