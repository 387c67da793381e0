#include "app/import/openapi.h"

#include <fmt/format.h>

#include "app/import/draft.h"
#include "base/text.h"
#include "gateway/openapi/document.h"
#include "manifest/print.h"

namespace tl::app {

namespace {

std::string as_yaml(std::string_view text) {
    std::string yaml = manifest::to_yaml(text_node(std::string{text}));
    while (yaml.ends_with('\n')) yaml.pop_back();
    return yaml;
}

// One route for each path, with its methods, in the document's order.
std::string routes_of(const gateway::ApiDocument& document, const ImportOptions& options, const std::string& base) {
    std::vector<std::pair<std::string, std::vector<std::string>>> paths;
    for (const gateway::ApiOperation& operation : document.operations()) {
        if (paths.empty() || paths.back().first != operation.path) paths.push_back({operation.path, {}});
        paths.back().second.push_back(operation.method);
    }
    std::string out;
    for (const auto& [path, methods] : paths) {
        out += fmt::format("    - path: {}\n      methods: [{}]\n      to: {}\n", as_yaml(base + path),
                           base::join(methods, ", "), options.to);
        const bool own_base = options.base.has_value() && base != document.base();
        out += own_base ? fmt::format("      policies: {{ openapi: {{ file: {}, base: {} }} }}\n",
                                      as_yaml(options.file), as_yaml(base))
                        : fmt::format("      policies: {{ openapi: {} }}\n", as_yaml(options.file));
    }
    return out;
}

}  // namespace

base::Result<std::string> import_openapi(const ImportOptions& options, Report& report) {
    const auto document = gateway::ApiDocument::load(options.file);
    if (!document) return base::fail(document.error());
    const std::string base = options.base.value_or((*document)->base());
    for (const std::string& remark : (*document)->remarks()) report.missing({}, remark);
    return fmt::format(
        "# From {}{}: {} operations. These lines belong under gateway.routes.\n{}gateway:\n  routes:\n{}",
        base::printable(options.file),
        (*document)->title().empty() ? "" : fmt::format(" ({})", base::printable((*document)->title())),
        (*document)->operations().size(), report.to_comments(), routes_of(**document, options, base));
}

}  // namespace tl::app
