#include "gateway/portal/listing.h"

#include <fmt/format.h>

#include "base/text.h"
#include "gateway/portal/access.h"
#include "gateway/portal/filter.h"

namespace tl::gateway {

ApiDocumentPtr PortalListing::document(const std::string& file) {
    const std::string path = file.starts_with('/') ? file : folder_ + "/" + file;
    const auto [known, added] = documents_.try_emplace(path);
    if (added) {
        // One that is gone since it was checked is told by the policy itself, which then refuses.
        if (auto read = ApiDocument::load(path)) known->second = std::move(*read);
    }
    return known->second;
}

void PortalListing::add(const RouteConfig& route, const Policies& holding, const ServicePlace& place) {
    auto rule = make_rule(route);
    if (!rule) return;
    rules_.push_back(std::move(*rule));
    MergeRoute& made = input_.routes.emplace_back();
    made.rule = &rules_.back();
    made.service = route.to.value;
    made.context = place.context;
    made.shown = route.portal && place.portal && !is_portal(route);
    if (!made.shown) return;
    made.rewrite = route.rewrite ? route.rewrite->value : "";
    if (holding.openapi) {
        made.document = document(holding.openapi->file.value);
        made.base = holding.openapi->base;
        made.strict = holding.openapi->requests == ContractMode::enforce && !holding.openapi->unknown;
    }
    const Policies& kept = holding_.emplace_back(holding);
    made.access = [&kept](const std::string& method) { return access_of(kept, method); };
}

FilterPtr PortalListing::finish(const PortalConfig& config, const std::string& system) {
    input_.title = config.title.empty() ? system : config.title;
    input_.version = config.version;
    input_.description = config.description;
    return make_portal_filter(config.path.value, merge_documents(input_).document);
}

void check_portal(const GatewayConfig& config, manifest::Diagnostics& diagnostics) {
    if (!config.portal) return;
    const PortalConfig& portal = *config.portal;
    const auto own = proxy::PathPattern::parse(portal.path.value + "/*");
    if (!own) return;  // told when it was read
    for (const RouteConfig& route : config.routes) {
        const auto path = proxy::PathPattern::parse(route.path.value);
        if (!path) continue;
        const bool same_hosts = portal.host.empty() || base::iequals(portal.host, route.host);
        if (own->covers(*path) && same_hosts) {
            diagnostics.error(portal.path.at,
                              fmt::format("the portal's path {} collides with the route in line {}", portal.path.value,
                                          route.path.at.line),
                              "give the portal a path below which there is no route");
            continue;
        }
        const bool every_request = route.methods.empty() && route.headers.begin() == route.headers.end() &&
                                   route.query.begin() == route.query.end() &&
                                   (route.host.empty() || base::iequals(portal.host, route.host));
        if (route.priority > 0 && path->covers(*own) && every_request) {
            diagnostics.error(portal.path.at,
                              fmt::format("nobody reaches the portal at {}: the route in line {} has a priority and "
                                          "takes all its requests",
                                          portal.path.value, route.path.at.line),
                              "take the \"priority\" out, or give the portal another path");
        }
    }
}

}  // namespace tl::gateway
