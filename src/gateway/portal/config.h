// What the manifest says about the portal: where it is, what it is called, and who may see it.
#pragma once

#include <string>

#include "gateway/policies/policies.h"
#include "manifest/schema.h"

namespace tl::gateway {

struct PortalConfig {
    manifest::Position at;
    manifest::Located<std::string> path;
    std::string host;   // "": every host
    std::string title;  // "": the system's name
    std::string description;
    std::string version = "1";
    Policies policies;  // of its pages
};

[[nodiscard]] const manifest::Object<PortalConfig>& portal_schema();

}  // namespace tl::gateway
