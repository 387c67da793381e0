// Everything that belongs to one request on its way through the pipeline. Lives in the pipeline's frame, on one core;
// filters and the steps of the pipeline read and change it.
#pragma once

#include <string>

#include "base/arena.h"
#include "http/exchange.h"
#include "proxy/cause.h"
#include "proxy/mirror.h"
#include "proxy/route.h"
#include "proxy/route_table.h"
#include "telemetry/record.h"
#include "telemetry/trace.h"

namespace tl::proxy {

struct Door;

struct RequestContext {
    http::ServerExchange& exchange;
    const Door& door;
    base::TimePoint began;
    base::Arena arena;
    std::string_view path;  // normalized
    const Route* route = nullptr;
    PathMatch match;
    telemetry::TraceContext trace;  // of this hop
    telemetry::Record record;
    Denial refusal{Cause::none, {}};  // set by whoever refuses
    bool idempotent = false;          // may be sent twice
    Mirrors::CopyPtr mirror;          // while its body is not whole yet
    std::string_view set_cookie;      // for the answer: names the instance that the client is to stay with

    // Path and query as the service gets them: rewritten where the route says so.
    [[nodiscard]] std::string_view target() {
        if (upstream_target.empty()) upstream_target = make_target();
        return upstream_target;
    }
    std::string_view upstream_target;

    [[nodiscard]] codec::RequestHead& head() const { return exchange.request(); }

  private:
    [[nodiscard]] std::string_view make_target();
};

}  // namespace tl::proxy
