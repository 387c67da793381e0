// An endpoint of several backends as a joined answer (docs/join.md).
#pragma once

#include <string>
#include <vector>

#include "app/import/krakend_backend.h"
#include "app/import/policy_draft.h"

namespace tl::app {

struct KrakendEndpoint {
    manifest::Position at;
    std::string path;
    std::string method;
    std::string encoding;
    std::string timeout;
    std::vector<std::string> headers;  // of clients that go on; "*": all
    std::vector<std::string> query;
    bool sequential = false;
    std::vector<KrakendBackend> backends;  // whose answers count
    std::vector<KrakendBackend> shadows;
};

// What an earlier call is named, for those that point into its answer.
struct KrakendCallName {
    std::string name;
    std::string group;
};

// "/users/{id}" as a value: "/users/{path.id}"; {resp0_user.id} as {CALL.user.id}, {JWT.sub} as {claim.sub}.
[[nodiscard]] std::string join_text(std::string_view pattern, const std::vector<KrakendCallName>& calls);

void put_join(const KrakendEndpoint& endpoint, manifest::Node& route, PolicyDraft& out, KrakendContext& context);

}  // namespace tl::app
