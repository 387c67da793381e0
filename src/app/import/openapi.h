// Routes of an OpenAPI document: lines for a manifest that there is.
#pragma once

#include <string>

#include "app/cli/cli.h"
#include "app/import/report.h"
#include "base/error.h"

namespace tl::app {

// What cannot be said in a manifest goes to the report; it stands above the lines, too.
[[nodiscard]] base::Result<std::string> import_openapi(const ImportOptions& options, Report& report);

}  // namespace tl::app
