// Checks of services that speak TCP, and of the public ports of TCP, across the whole manifest: routes of HTTP lead to
// services of HTTP and ports of TCP to those of TCP, and neither has keys that only the other knows.
#pragma once

#include "app/manifest_model.h"
#include "manifest/names.h"

namespace tl::app {

void check_tcp(const Manifest& manifest, const manifest::Names& names, manifest::Diagnostics& diagnostics);

}  // namespace tl::app
