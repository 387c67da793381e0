// One OpenAPI 3.1 document of all documents of a manifest, as their operations are reached through the gateway: paths
// with the gateway's prefixes, components renamed where two documents use one name, references rewritten, 3.0 lifted to
// 3.1. What no route reaches is left out; a route without a document is listed with what its path says. Only what
// OpenAPI knows is copied, key by key, so that a document's extensions, its servers and whatever is not of its form do
// not get out. Pure; control core, once for each manifest.
//
// Sources: OpenAPI 3.0.4, OpenAPI 3.1.1, "Migrating from OpenAPI 3.0 to 3.1.0".
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gateway/openapi/document.h"
#include "proxy/route.h"

namespace tl::gateway {

// One way to say who calls: a Security Scheme Object under a wished name.
struct MergeScheme {
    std::string name;
    nlohmann::ordered_json scheme;
};

// What the gateway asks of one operation.
struct MergeAccess {
    std::vector<MergeScheme> any_of;                                  // one of these; empty: nothing is asked
    std::vector<std::string> scopes;                                  // that the caller needs
    bool anonymous = false;                                           // none of them will do, too
    nlohmann::ordered_json facts = nlohmann::ordered_json::object();  // more of it, for x-trunkline
};

// A route of the gateway. What it points to outlives the merge.
struct MergeRoute {
    const proxy::RouteRule* rule = nullptr;
    std::string service;              // "": several, joined
    std::string context;              // of that service
    bool shown = true;                // false: it takes its requests, and nobody is told
    std::string rewrite;              // "": the service sees the path as it comes
    ApiDocumentPtr document;          // nullptr: none. Routes with the same document share its components
    std::optional<std::string> base;  // in front of the document's paths; nothing: what the document says
    bool strict = true;               // what the document does not describe is refused by the gateway
    std::function<MergeAccess(const std::string& method)> access;
};

struct MergeInput {
    std::string title;
    std::string version;
    std::string description;
    std::vector<MergeRoute> routes;
};

struct Merged {
    nlohmann::ordered_json document;
    std::vector<std::string> notes;  // what was left out that a reader might miss; at most kMostNotes
};

// Bytes that are copied of documents, about; beyond it operations are listed without their details.
inline constexpr size_t kMostMergedBytes = 4U << 20;
inline constexpr size_t kMostNotes = 50;

[[nodiscard]] Merged merge_documents(const MergeInput& input);

}  // namespace tl::gateway
