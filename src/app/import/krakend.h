// A krakend.json of version 3 as a manifest. What each thing becomes is told in docs/import.md. Reads no file, keeps
// nothing.
#pragma once

#include <optional>

#include "app/import/draft.h"
#include "app/import/report.h"
#include "manifest/diagnostics.h"

namespace tl::app {

// Writes into `draft` and `report`; the diagnostic says why the file is none of KrakenD's.
[[nodiscard]] std::optional<manifest::Diagnostic> import_krakend(const manifest::Node& root, Draft& draft,
                                                                 Report& report);

}  // namespace tl::app
