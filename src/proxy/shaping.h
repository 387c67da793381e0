// What is done to a route's requests on purpose: which version of the service gets them, whether a copy goes elsewhere,
// whether some are delayed or refused to see what happens then. Values, made with the route, shared by cores. A route
// without any of it has none of these objects, and its requests pay for one look at a pointer. Who decides: choice.h,
// fault.h, mirror.h; what a manifest says: shaping_config.h.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "proxy/balance.h"
#include "proxy/field_match.h"
#include "telemetry/names.h"

namespace tl::proxy {

// Requests with these headers go to this version, and to no other.
struct VersionMatch {
    std::vector<FieldMatch> headers;
    telemetry::NameId version = telemetry::kNoName;
};

struct VersionShare {
    telemetry::NameId version = telemetry::kNoName;
    double share = 0;  // of all requests; they add up to 1
};

struct FaultRule {
    base::Duration delay{0};
    double delay_share = 0;
    uint16_t abort_status = 0;
    double abort_share = 0;
    std::vector<FieldMatch> headers;  // only requests with these
};

struct MirrorRule {
    std::string service;
    telemetry::NameId service_id = telemetry::kNoName;
    telemetry::NameId version = telemetry::kNoName;
    double share = 1;
};

struct Shaping {
    telemetry::NameId version = telemetry::kNoName;  // all requests go there; none: see below
    std::vector<VersionMatch> matches;               // the first that fits decides
    std::vector<VersionShare> split;                 // of what is left; empty: any version
    std::optional<RequestKey> split_by;              // the same who gets the same version
    std::optional<FaultRule> fault;
    std::optional<MirrorRule> mirror;
};
using ShapingPtr = std::shared_ptr<const Shaping>;

}  // namespace tl::proxy
