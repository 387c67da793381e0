// What the filters of policies are made with, beside their own configuration. Control core, while a door is built.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "gateway/policies/keeper.h"
#include "net/resolver.h"
#include "proxy/core_states.h"
#include "proxy/subrequest.h"

namespace tl::gateway {

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
};

using FilterPtr = std::shared_ptr<const proxy::Filter>;

}  // namespace tl::gateway
