// Which client addresses may ask. Behind trusted proxies it is the client's that counts, not the proxy's.
#pragma once

#include <vector>

#include "gateway/policies/context.h"
#include "manifest/schema.h"
#include "net/prefix_set.h"
#include "proxy/filter.h"

namespace tl::gateway {

struct IpConfig {
    manifest::Position at;
    std::vector<net::Prefix> allow;  // empty: all
    std::vector<net::Prefix> deny;   // wins
};

[[nodiscard]] const manifest::Object<IpConfig>& ip_schema();
[[nodiscard]] FilterPtr make_ip_filter(const IpConfig& config, const PolicyContext& context);

}  // namespace tl::gateway
