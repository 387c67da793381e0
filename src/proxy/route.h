// A route as the data path uses it: what it matches, where it goes and under which rules. Made when a manifest is
// loaded (by gateway/ for the public door, by mesh/ for the doors of workloads), immutable afterwards, shared by cores.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "codec/http1.h"
#include "proxy/cause.h"
#include "proxy/field_match.h"
#include "proxy/path.h"
#include "proxy/shaping.h"
#include "proxy/traffic.h"

namespace tl::proxy {

class Filter;

struct RouteRule {
    std::string name;  // as users see it: "GET /api/orders/*"
    std::string host;  // exact, or "*.example.com", without port, lower case; "" matches every host
    PathPattern path;
    std::vector<std::string> methods;  // empty: all
    std::vector<FieldMatch> headers;
    std::vector<FieldMatch> query;
    int priority = 0;  // higher beats more specific
};

// A route that exists in order to refuse: the answer names what to do.
struct Denial {
    Cause cause = Cause::not_allowed;
    std::string detail;
    uint16_t status = 0;                                         // of the answer; 0: the cause's own
    uint32_t retry_after = 1;                                    // seconds, told with every 503 and 429
    std::vector<std::pair<std::string, std::string>> headers{};  // of the answer, such as WWW-Authenticate
    std::vector<std::string> violations{};                       // all that is wrong with the request
};

struct Route {
    RouteRule rule;
    std::string service;
    std::optional<Denial> denial;
    std::optional<PathTemplate> rewrite;
    TrafficRule traffic;
    ShapingPtr shaping;                                  // nullptr: nothing of the kind
    std::vector<std::shared_ptr<const Filter>> filters;  // in the order in which they see the request
    size_t most_body = 0;  // of the request, which filters want to see whole; 0: none does
    uint64_t most_streamed = std::numeric_limits<uint64_t>::max();  // of the request's body
    bool filters_body = false;                                      // a FilteredExchange is needed
    size_t index = 0;                                               // in the configuration that it was made of
    uint32_t id = 0;                                                // name ids of telemetry
    uint32_t service_id = 0;
    uint32_t series = 0;  // metric series
};

// Takes the filters over, and what they need of the pipeline.
void set_filters(Route& route, std::vector<std::shared_ptr<const Filter>> filters);

}  // namespace tl::proxy
