// A joined answer as a graph: which call waits for which, with its values parsed. Made with the route, immutable,
// shared by cores.
#pragma once

#include "gateway/join/config.h"
#include "gateway/join/reference.h"
#include "gateway/policies/context.h"
#include "manifest/names.h"

namespace tl::gateway {

struct JoinCall {
    std::string name;
    proxy::RoutePtr route;
    std::string method;
    JoinTemplate path;
    std::vector<std::pair<std::string, JoinTemplate>> query;
    std::vector<std::pair<std::string, JoinTemplate>> headers;
    std::optional<AnswerReference> each;
    std::vector<size_t> after;            // indexes of the calls whose answers it needs
    std::optional<AnswerReference> take;  // of its own answer; `call` is not used
    std::vector<std::string> pick;        // paths: names with dots, a list stands for each of its items
    std::vector<std::string> drop;
    std::vector<std::pair<std::string, std::string>> rename;
    std::optional<nlohmann::ordered_json> fallback;
    bool body = false;
    bool optional = false;
    bool merge = false;
    uint32_t parallel = 1;
    size_t most = 0;
    std::optional<base::Duration> timeout;
};

struct JoinPlan {
    std::vector<JoinCall> calls;  // in the order written
    Collision collisions = Collision::error;
    std::string missing;
    uint32_t most_items = 0;
    bool wants_body = false;
};

// All that is wrong with it: services, references, calls that wait for each other.
void check_join(const JoinConfig& config, const manifest::Names& services, manifest::Diagnostics& diagnostics);
// `config` has passed check_join.
[[nodiscard]] JoinPlan make_join_plan(const JoinConfig& config, const PolicyContext& context);

}  // namespace tl::gateway
