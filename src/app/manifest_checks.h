// The checks across rooms: names that refer to each other, routes that tie or shadow, files that must be there. Each
// mistake is one diagnostic at its place; warnings do not stop anything.
#pragma once

#include <string>
#include <string_view>

#include "app/manifest_model.h"

namespace tl::app {

// The kind of the warning about a route that never gets a request.
inline constexpr std::string_view kShadowedRoute = "shadowed_route";

void check_manifest(const Manifest& manifest, const std::string& folder, manifest::Diagnostics& diagnostics);

}  // namespace tl::app
