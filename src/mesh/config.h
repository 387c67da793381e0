// What the manifest says about calls between services: `calls` of a caller, and the traffic rules that stand beside a
// callee. Plain values.
#pragma once

#include <string>
#include <vector>

#include "manifest/schema.h"
#include "proxy/route.h"

namespace tl::mesh {

struct RetryConfig {
    uint32_t attempts = 3;
};

struct MeshConfig {
    std::vector<manifest::Located<std::string>> calls;
    base::Duration timeout = proxy::TrafficRule{}.timeout;
    base::Duration stream_idle = proxy::TrafficRule{}.stream_idle;
    RetryConfig retry;

    [[nodiscard]] proxy::TrafficRule traffic() const { return {timeout, stream_idle, retry.attempts}; }
};

[[nodiscard]] const manifest::Object<MeshConfig>& mesh_schema();

}  // namespace tl::mesh
