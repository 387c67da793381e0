// What a manifest says about versions, mirroring and faults: the same keys at a service, for all its callers, and at a
// route, which says only what differs there. Plain values with the places where they were written; which versions and
// services there are is checked in app/, which knows them all.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "manifest/schema.h"
#include "proxy/shaping.h"
#include "telemetry/names.h"

namespace tl::proxy {

struct MatchConfig {
    manifest::OrderedMap<std::string> headers;  // "*": present
    manifest::Located<std::string> version;
};

struct MirrorConfig {
    manifest::Located<std::string> to;
    std::optional<manifest::Located<std::string>> version;
    double share = 1;
};

struct DelayConfig {
    base::Duration time{0};
    double share = 0;
};

struct AbortConfig {
    uint16_t status = 503;
    double share = 0;
};

struct FaultConfig {
    manifest::Position at;
    std::optional<DelayConfig> delay;
    std::optional<AbortConfig> abort;
    manifest::OrderedMap<std::string> headers;
};

struct ShapingConfig {
    manifest::OrderedMap<double> split;
    std::optional<RequestKey> split_by;
    std::vector<MatchConfig> match;
    std::optional<MirrorConfig> mirror;
    std::optional<FaultConfig> fault;
};

[[nodiscard]] const manifest::Object<ShapingConfig>& shaping_schema();

// In words, a line each: "split v1 90, v2 10 by header x-user". As make_shaping() takes them.
[[nodiscard]] std::vector<std::string> describe_shaping(const ShapingConfig& service, const ShapingConfig& route,
                                                        const std::string& version);
// For a route to a service: what the route says goes before what the service says. `version` is the route's own, "" is
// none. nullptr: nothing is said.
[[nodiscard]] ShapingPtr make_shaping(const ShapingConfig& service, const ShapingConfig& route,
                                      const std::string& version, telemetry::NameTable& names);

}  // namespace tl::proxy
