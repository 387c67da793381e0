// What the filters of policies are made with, beside their own configuration. Control core, while a door is built.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "gateway/policies/keeper.h"
#include "net/resolver.h"
#include "proxy/core_states.h"
#include "proxy/subrequest.h"

namespace tl::gateway {

struct RedisConfig;

// What outlives the doors; owned by app/, one a process. `check` and unit tests have one of their own, which never
// settles.
struct PolicyHome {
    Keeper keeper;
    proxy::StateSlots slots;
    std::string folder;                 // of the manifest; relative files are in there
    std::string state_folder;           // for what must survive; "": nothing is written
    net::Resolver* resolver = nullptr;  // of the control core, for work in the background; nullptr: none
};

struct PolicyContext {
    PolicyHome* home = nullptr;
    std::string route;                                                  // as users see it
    std::function<proxy::RoutePtr(const std::string& service)> target;  // for subrequests; the service exists
    bool development = false;
    // Where a policy that holds here was said, such as "gateway" or "route /api/*": what is said once counts once, for
    // all routes that it holds for.
    std::function<std::string(std::string_view policy)> level;
    const RedisConfig* redis = nullptr;  // nullptr: the manifest names none
};

using FilterPtr = std::shared_ptr<const proxy::Filter>;

}  // namespace tl::gateway
