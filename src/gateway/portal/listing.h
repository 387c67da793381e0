// What the portal shows, collected while a door's routes are made, and the filter that answers at its path. Control
// core; the filter goes to all cores.
#pragma once

#include <deque>
#include <map>
#include <string>

#include "gateway/config.h"
#include "gateway/openapi/merge.h"
#include "gateway/policies/context.h"

namespace tl::gateway {

// Where a service stands in the manifest.
struct ServicePlace {
    std::string context;
    bool portal = true;  // it may be shown
};

class PortalListing {
  public:
    // `folder`: of the manifest; documents are in there.
    explicit PortalListing(std::string folder) : folder_(std::move(folder)) {}
    PortalListing(const PortalListing&) = delete;
    PortalListing& operator=(const PortalListing&) = delete;

    // Every route of the door, in their order, hidden ones too: they take requests that nobody else gets.
    void add(const RouteConfig& route, const Policies& holding, const ServicePlace& place);
    // The portal's last filter, which answers. `system`: its title, if it has none of its own.
    [[nodiscard]] FilterPtr finish(const PortalConfig& config, const std::string& system);

  private:
    [[nodiscard]] ApiDocumentPtr document(const std::string& file);

    std::string folder_;
    std::deque<proxy::RouteRule> rules_;
    std::deque<Policies> holding_;
    std::map<std::string, ApiDocumentPtr> documents_;
    MergeInput input_;
};

// Complains about routes at the portal's path, and about those that keep requests from it.
void check_portal(const GatewayConfig& config, manifest::Diagnostics& diagnostics);

}  // namespace tl::gateway
