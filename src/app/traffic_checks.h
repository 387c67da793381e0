// Mistakes in what a manifest says about versions, zones, mirrors and faults, as far as only the whole manifest shows
// them: names of versions and services that do not exist, above all.
#pragma once

#include "app/manifest_model.h"
#include "manifest/names.h"

namespace tl::app {

// `names`: all services, those that are versions of others included.
void check_traffic(const Manifest& manifest, const manifest::Names& names, manifest::Diagnostics& diagnostics);

}  // namespace tl::app
