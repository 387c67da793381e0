// What the manifest says of a joined answer: one endpoint made of calls to several services (`join` of a route). Plain
// values; what they mean as a graph is plan.h's.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "manifest/schema.h"

namespace tl::gateway {

struct JoinCallConfig {
    manifest::Position at;
    manifest::Located<std::string> to;
    std::string method = "GET";
    manifest::Located<std::string> path;
    manifest::OrderedMap<manifest::Located<std::string>> query;
    manifest::OrderedMap<manifest::Located<std::string>> headers;
    bool body = false;                                       // the client's is sent along
    bool optional = false;                                   // the answer is good without it
    std::optional<manifest::Located<std::string>> fallback;  // JSON in its place; makes it optional
    std::optional<manifest::Located<std::string>> each;      // one call for each item of this array
    uint32_t parallel = 8;                                   // of these at a time
    std::string take;                                        // that part of the answer, "data.items"; "": all
    std::vector<std::string> pick;                           // these paths of it; empty: all
    std::vector<std::string> drop;                           // these paths go
    manifest::OrderedMap<std::string> rename;                // path to the new name of its last member
    bool merge = false;                                      // its fields beside those of others, not under its name
    uint64_t most = 1 << 20;                                 // bytes of its answer
    std::optional<base::Duration> timeout;                   // nothing: the route's
};

// What happens when two calls that are merged have a field of the same name.
enum class Collision : uint8_t { error, first, prefix, deep };

struct JoinConfig {
    manifest::Position at;
    manifest::OrderedMap<JoinCallConfig> calls;
    Collision collisions = Collision::error;
    std::string missing;        // the field that lists the calls whose part is missing; "": only the header tells
    uint32_t most_items = 100;  // of an `each`
};

[[nodiscard]] const manifest::Object<JoinConfig>& join_schema();

}  // namespace tl::gateway
