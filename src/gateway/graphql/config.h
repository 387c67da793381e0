// What the manifest says of a route whose service speaks GraphQL (`graphql` of a route): a stored operation, and where
// the values of its variables come from. Plain values.
#pragma once

#include <optional>
#include <string>

#include "gateway/graphql/operation.h"
#include "gateway/policies/template.h"
#include "manifest/schema.h"

namespace tl::gateway {

struct GraphqlConfig {
    manifest::Position at;
    manifest::Located<std::string> query;                     // the document, or its file
    std::optional<manifest::Located<std::string>> operation;  // which one of the document
    manifest::OrderedMap<Template> variables;
    manifest::OrderedMap<Template> headers;  // of the call
    std::string endpoint = "/graphql";
    std::string take;         // that field of `data`; "": all of it
    uint64_t most = 1 << 20;  // bytes of the service's answer
};

[[nodiscard]] const manifest::Object<GraphqlConfig>& graphql_schema();

// The document that `config` names, read where it is a file in `folder`.
[[nodiscard]] std::expected<std::string, std::string> load_document(const GraphqlConfig& config,
                                                                    const std::string& folder);
// The operation that it asks for.
[[nodiscard]] std::expected<GraphqlOperation, std::string> choose_operation(const GraphqlConfig& config,
                                                                            std::string_view document);
// All that is wrong with it. `safe`: the route takes GET or HEAD.
void check_graphql(const GraphqlConfig& config, const std::string& folder, const proxy::PathPattern& path, bool safe,
                   manifest::Diagnostics& diagnostics);

}  // namespace tl::gateway
