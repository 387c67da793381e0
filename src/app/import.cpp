// `trunkline import`: what others have written about an API, as lines for the manifest. Nothing is changed; what cannot
// be said in a manifest is reported as a comment, never dropped in silence.
#include <fmt/format.h>

#include <filesystem>
#include <map>

#include "app/up.h"
#include "base/text.h"
#include "gateway/openapi/document.h"
#include "manifest/print.h"

namespace tl::app {

namespace {

std::string as_yaml(std::string_view text) {
    std::string yaml = manifest::to_yaml(manifest::Node::scalar(std::string{text}));
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

int run_import(const ImportOptions& options) {
    const auto document = gateway::ApiDocument::load(options.file);
    if (!document) {
        fmt::print(stderr, "trunkline: {}\n", document.error().context);
        return kBadInput;
    }
    const std::string base = options.base.value_or((*document)->base());
    std::string text =
        fmt::format("# From {}{}: {} operations. These lines belong under gateway.routes.\n", options.file,
                    (*document)->title().empty() ? "" : fmt::format(" ({})", base::printable((*document)->title())),
                    (*document)->operations().size());
    for (const std::string& remark : (*document)->remarks())
        text += fmt::format("# not taken over: {}\n", base::printable(remark, 200));
    fmt::print("{}gateway:\n  routes:\n{}", text, routes_of(**document, options, base));
    return kOk;
}

}  // namespace tl::app
