// What the manifest says about calls between services: `calls` of a caller, and the traffic rules that stand beside a
// callee. Plain values.
#pragma once

#include <string>
#include <vector>

#include "manifest/schema.h"
#include "proxy/traffic_config.h"

namespace tl::mesh {

struct MeshConfig {
    std::vector<manifest::Located<std::string>> calls;
    proxy::TrafficConfig traffic;
};

[[nodiscard]] const manifest::Object<MeshConfig>& mesh_schema();

}  // namespace tl::mesh
