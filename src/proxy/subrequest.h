// A request that a policy makes on behalf of a client's request: to an authoriser, or to one of several services whose
// answers are joined. It goes the way of every request to a service (balancing, retries, breaker, deadline, a span and
// an access record of its own) and comes back whole, in memory. One core; lives in the caller's frame.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/buffer.h"
#include "proxy/engine.h"
#include "proxy/request_context.h"

namespace tl::proxy {

// Where subrequests go: a route that no client can reach. Made with a policy, immutable, shared by cores.
using RoutePtr = std::shared_ptr<const Route>;

struct Subrequest {
    std::string method = "GET";
    std::string target = "/";  // path and query
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;
    size_t most = 1U << 20;  // bytes of the answer's body
};

struct SubResponse {
    uint16_t status = 0;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;
    base::HeldBytes held;       // counts the body
    Cause cause = Cause::none;  // why Trunkline answered instead of the service; `body` is empty then
    std::string detail;         // of the cause

    [[nodiscard]] std::string_view header(std::string_view name) const;  // the first one; "" without
};

// Always an answer: what failed has a cause and the status of that cause. `parent` is the client's request; `wait` ends
// this one, and watches the parent's cancel at least.
[[nodiscard]] rt::Task<SubResponse> call_service(RequestContext& parent, RoutePtr route, Subrequest request,
                                                 rt::Wait wait);

}  // namespace tl::proxy
