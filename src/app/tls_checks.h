// What `check` says about TLS: files that are missing or do not fit together, certificates whose time is over,
// listeners and services whose words contradict each other.
#pragma once

#include <string>

#include "app/manifest_model.h"

namespace tl::app {

void check_tls(const Manifest& manifest, const std::string& folder, base::WallTime now,
               manifest::Diagnostics& diagnostics);

}  // namespace tl::app
